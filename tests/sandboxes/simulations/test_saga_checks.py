"""Each check fails when what it is about is broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from sandboxes.simulations.checks import Check, carry_out
from sandboxes.simulations.saga import checks, crash_checks, model, setup, trials
from sandboxes.simulations.saga.world import SEMANTIC_LOCK

PREPARED, RULES, RUN_WITH_CRASH_AT = setup.prepared, setup.rules, model.run_with_crash_at


def _set(**rules: Any) -> Callable[..., Any]:
    """A run by other rules than those it was asked for; a function makes of a rule another."""

    def otherwise(*arguments: Any) -> Any:
        row, world = PREPARED(*arguments)
        for name, value in rules.items():
            row[name] = value(row[name]) if callable(value) else value
        return row, world

    return otherwise


def _without_jitter(*arguments: Any) -> Any:
    row = RULES(*arguments)
    row["full_jitter"] = 0
    return row


def _torn(*arguments: Any) -> Any:
    """A participant that aborts what the others commit."""
    result = RUN_WITH_CRASH_AT(*arguments)
    result.tasks["cancelled"][result.tasks["finished"].any(axis=1), 0] = 1
    return result


def _more(rates: Any) -> Any:
    return 1.2 * rates


WHOLE, FORMS, RETRIES, CRASHES = (
    checks.SAGA_CHECKS,
    checks.CLOSED_FORMS,
    checks.RETRY_CHECKS,
    crash_checks.CRASH_CHECKS,
)
# What is broken: where, what stands in its place, and the checks that can know of it; all would take a minute.
BREAKAGES: Mapping[str, tuple[Any, str, Callable[..., Any], tuple[Check, ...]]] = {
    "handlers that forget": (model, "prepared", _set(idempotent=0), WHOLE + CRASHES),
    "handlers that remember": (model, "prepared", _set(idempotent=1), CRASHES),
    "more refusals": (model, "prepared", _set(refused=_more), FORMS),
    "one retry": (model, "prepared", _set(retry_max_attempts=1), FORMS),
    "slower steps": (model, "prepared", _set(median_s=_more), FORMS),
    "waits that do not grow": (model, "prepared", _set(retry_backoff_rate=1.0), RETRIES),
    "no longest wait": (model, "prepared", _set(retry_max_delay_s=0.0), RETRIES),
    "no jitter": (checks, "rules", _without_jitter, RETRIES),
    "a log that survives": (model, "prepared", _set(durable=1), CRASHES),
    "a log that is lost": (model, "prepared", _set(durable=0), CRASHES),
    "units kept aside": (model, "prepared", _set(isolation=SEMANTIC_LOCK), CRASHES),
    "back at once": (model, "prepared", _set(down_s=1.0), CRASHES),
    "a participant of its own mind": (trials, "run_with_crash_at", _torn, CRASHES),
    "a participant that forgets": (crash_checks, "prepared", _set(idempotent=0), CRASHES),
}


@pytest.fixture(scope="module")
def found() -> Mapping[str, set[str]]:
    """Breakage -> the checks that fail by it."""
    return {breakage: failing(breakage) for breakage in BREAKAGES}


def failing(breakage: str) -> set[str]:
    place, name, instead, asked = BREAKAGES[breakage]
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(place, name, instead)
        return {one.check.name for one in carry_out(asked) if not one.finding.passed}


def test_a_broken_mechanism_is_found(found: Mapping[str, set[str]]) -> None:
    assert [breakage for breakage, failed in found.items() if not failed] == []


def test_every_check_can_fail(found: Mapping[str, set[str]]) -> None:
    assert {check.name for check in checks.CHECKS} - set().union(*found.values()) == set()


@pytest.mark.parametrize(
    ("breakage", "check"),
    [
        ("handlers that forget", "Whole or undone, by choreography"),
        ("handlers that forget", "Try-Confirm-Cancel at every crash"),
        ("units kept aside", "Without isolation"),
        ("a log that survives", "With the log lost"),
        ("back at once", "Two-phase commit blocks"),
        ("a participant of its own mind", "Two-phase commit: all or none"),
        ("one retry", "Orders that commit thanks to retries"),
    ],
)
def test_the_check_that_is_about_it_finds_it(found: Mapping[str, set[str]], breakage: str, check: str) -> None:
    assert check in found[breakage]
