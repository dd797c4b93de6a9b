"""What a simulation is checked against: something nobody here wrote, and how far from it the simulation may be.

A check is declared once. The page shows it, `manage.py simulate --check` prints it and the tests run it, all by the
same code, so what a reader sees is what holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any

# A right model is further from the truth than this once in about 16,000 checks.
STANDARD_ERRORS = 4


@dataclass(frozen=True)
class Source:
    """Where the expected values come from; `url` is "" for what stands on paper only."""

    title: str
    url: str = ""


@dataclass(frozen=True)
class Finding:
    """What was expected and what was measured, as a person reads them, and whether they agree."""

    expected: str
    measured: str
    tolerance: str
    passed: bool


@dataclass(frozen=True)
class Check:
    """One claim on a simulation and the code that puts it to the test.

    group      what the checks are counted as, in the plural: "Resilience4j vectors"
    claim      what is claimed, in one sentence
    measure    computes the finding anew at each call, and the same one each time; it may take a few hundred ms
    """

    name: str
    group: str
    claim: str
    source: Source
    measure: Callable[[], Finding]


@dataclass(frozen=True)
class Checked:
    """A check that has been carried out."""

    check: Check
    finding: Finding


def carry_out(checks: Iterable[Check], never_caught: tuple[type[Exception], ...] = ()) -> tuple[Checked, ...]:
    """Every check with its finding, in order. One that raises has failed, and hides none of the others.

    Exceptions that are `never_caught` end it all: a limit on time, say, which is no finding on the model.
    """
    return tuple(Checked(check, _finding(check, never_caught)) for check in checks)


def report(carried_out: Sequence[Checked]) -> dict[str, Any]:
    """The checks as plain JSON values: whether all passed, how many of each group did, and each with its finding."""
    counted: dict[str, dict[str, Any]] = {}
    for one in carried_out:
        group = counted.setdefault(one.check.group, {"name": one.check.group, "passed": 0, "checks": 0})
        group["passed"] += one.finding.passed
        group["checks"] += 1
    return {
        "passed": all(one.finding.passed for one in carried_out),
        "groups": list(counted.values()),
        "checks": [
            {
                "name": one.check.name,
                "group": one.check.group,
                "claim": one.check.claim,
                "source": asdict(one.check.source),
                **asdict(one.finding),
            }
            for one in carried_out
        ],
    }


def exact(expected: Sequence[str], measured: Sequence[str]) -> Finding:
    """Whether one sequence of words (states, rates, answers) is the other, word by word."""
    return Finding(", ".join(expected), ", ".join(measured), "exact", list(expected) == list(measured))


def within(expected: float, measured: float, tolerance: float, unit: str = "") -> Finding:
    """Whether a number is within `tolerance`, in the same unit, of what it should be."""
    return Finding(
        _number(expected, unit),
        _number(measured, unit),
        _margin(tolerance, unit),
        abs(measured - expected) <= tolerance,
    )


def statistical(expected: float, samples: Sequence[float], unit: str = "", sigma: float | None = None) -> Finding:
    """Whether the mean of independent runs, one sample each, is within four standard errors of what it should be.

    `sigma` is one sample's standard deviation where theory gives it; otherwise the samples' own is taken, which needs
    at least 10 of them. Raises ValueError for fewer, or for none at all.
    """
    fewest = 10 if sigma is None else 1
    if len(samples) < fewest:
        raise ValueError(f"a mean is taken of {len(samples)} samples; use at least {fewest}")
    spread = stdev(samples) if sigma is None else sigma
    tolerance = STANDARD_ERRORS * spread / math.sqrt(len(samples))
    measured = fmean(samples)
    return Finding(
        _number(expected, unit),
        f"{_number(measured, unit)}, mean of {len(samples)} seeds",
        f"{_margin(tolerance, unit)}, {STANDARD_ERRORS} standard errors",
        abs(measured - expected) <= tolerance,
    )


def _finding(check: Check, never_caught: tuple[type[Exception], ...]) -> Finding:
    try:
        return check.measure()
    except never_caught:
        raise
    except Exception as error:  # whatever it was, this check has failed and the others have not
        return Finding("a measurement", f"none: it stopped with {type(error).__name__}: {error}", "–", passed=False)


def _margin(tolerance: float, unit: str) -> str:
    return f"± {tolerance:,.0f} {unit}".rstrip() if tolerance >= 100 else f"± {tolerance:.3g} {unit}".rstrip()


def _number(value: float, unit: str) -> str:
    """To five figures, which is enough to see a difference: 12,000 s, 0.0025 s, 49.873 ms."""
    figures = f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.5g}"
    return f"{figures} {unit}".rstrip()
