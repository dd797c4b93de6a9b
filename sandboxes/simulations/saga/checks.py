"""What the saga is checked against: its definition, closed forms, the rule of Step Functions, and what two-phase commit
and Try-Confirm-Cancel promise at every point at which a coordinator can die."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from sandboxes.simulations.checks import Check, Finding, exact, statistical, within
from sandboxes.simulations.saga.calls import wait_s
from sandboxes.simulations.saga.crash_checks import CRASH_CHECKS
from sandboxes.simulations.saga.history import effects_of_all, is_whole_or_undone
from sandboxes.simulations.saga.measures import durations_s, measure
from sandboxes.simulations.saga.model import run
from sandboxes.simulations.saga.references import BINOMIAL, GARCIA_MOLINA, LOGNORMAL, STEP_FUNCTIONS
from sandboxes.simulations.saga.setup import NORMAL_P99, rules
from sandboxes.simulations.saga.trials import CALM, TROUBLED, saga_params
from sandboxes.simulations.saga.world import COMMITTED, FORWARD, ROLLED_BACK, SENT

SEEDS = range(1, 13)
N, P = 5, 0.1


def _neither_whole_nor_undone(**changes: Any) -> Finding:
    result = run(saga_params(**{**TROUBLED, **changes}), 1)
    ended = np.isin(result.orders["status"], (COMMITTED, ROLLED_BACK))
    wrong = sum(
        over and not is_whole_or_undone(done, result.params.steps)
        for over, done in zip(ended.tolist(), effects_of_all(result), strict=True)
    )
    undone = int((result.orders["undone"] > 0).sum())
    finding = within(0, wrong, 0, f"of {int(ended.sum()):,} orders")
    return Finding(finding.expected, f"{finding.measured}, {undone:,} undone", "exact", finding.passed and undone > 0)


def _share(expected: float, name: str, **changes: Any) -> Finding:
    orders = 2000
    params = saga_params(**{**CALM, "orders": orders, "steps": N, **changes})
    samples = [float(measure(run(params, seed))[name] or 0) for seed in SEEDS]
    return statistical(expected, samples, sigma=sqrt(expected * (1 - expected) / orders))


def _compensations() -> Finding:
    expected = sum(j * (1 - P) ** j * P for j in range(N))
    spread = sqrt(sum(j * j * (1 - P) ** j * P for j in range(N)) - expected**2)
    params = saga_params(**{**CALM, "orders": 2000, "steps": N, "permanent_failure_percent": 100 * P})
    samples = [float(measure(run(params, seed))["mean_compensations"] or 0) for seed in SEEDS]
    return statistical(expected, samples, "per order", sigma=spread / sqrt(2000))


def _gaps(**changes: Any) -> Finding:
    """The waits between the attempts of a step that never succeeds, as a run has them."""
    params = saga_params(
        **{
            **CALM,
            "orders": 1,
            "transient_failure_percent": 100,
            "median_latency_ms": 1,
            "retry_interval_s": 3,
            **changes,
        }
    )
    result = run(params, 1)
    asked = result.log["at_s"][result.log["kind"] == SENT]
    waits = (np.diff(asked) - 0.001).tolist()
    expected = ("3", "6", "12") if not params.retry_max_delay_s else ("3", "5", "5")
    return exact(expected, [f"{wait:.6g}" for wait in waits])


def _jitter() -> Finding:
    row = rules(saga_params(retry_jitter="full"), np.array([1, 2]))
    waits = [wait_s(row, order, 0, FORWARD, 1, 3) for order in range(4000)]
    inside = all(0 <= wait <= 4 for wait in waits)
    finding = statistical(2.0, waits, "s", sigma=4 / sqrt(12))
    return Finding(
        finding.expected, finding.measured.replace("seeds", "waits"), finding.tolerance, finding.passed and inside
    )


def _mean_duration() -> Finding:
    params = saga_params(**{**CALM, "orders": 500, "p99_to_median": 4, "step_timeout_s": 60})
    sigma = np.log(4) / NORMAL_P99
    samples = [float(np.mean(durations_s(run(params, seed)))) for seed in SEEDS]
    return statistical(4 * 0.1 * float(np.exp(sigma**2 / 2)), samples, "s")


SAGA_CHECKS = (
    Check(
        "Whole or undone, by orchestration",
        "orders' histories",
        "The effects of every order that ended are T1 ... Tn, or T1 ... Tj, Cj ... C1 with j < n.",
        GARCIA_MOLINA,
        lambda: _neither_whole_nor_undone(),
    ),
    Check(
        "Whole or undone, by choreography",
        "orders' histories",
        "The same holds when services follow events, a fifth of them delivered twice and a fifth out of order.",
        GARCIA_MOLINA,
        lambda: _neither_whole_nor_undone(coordination="choreography"),
    ),
    Check(
        "Whole or undone, with a pivot",
        "orders' histories",
        "The same holds when the confirm step is a pivot and ship is retried until it is done.",
        GARCIA_MOLINA,
        lambda: _neither_whole_nor_undone(isolation="pivot_ordering"),
    ),
)
CLOSED_FORMS = (
    Check(
        "Orders that commit",
        "closed forms",
        "With five steps that each fail at rate 0.1 and no retries, 0.9^5 of the orders commit.",
        BINOMIAL,
        lambda: _share((1 - P) ** N, "committed_fraction", permanent_failure_percent=100 * P),
    ),
    Check(
        "Orders that commit thanks to retries",
        "closed forms",
        "A step fails only if its first attempt and both retries do: at rate 0.3^3, so (1 - 0.3^3)^5 commit.",
        BINOMIAL,
        lambda: _share((1 - 0.3**3) ** N, "committed_fraction", transient_failure_percent=30, retry_max_attempts=2),
    ),
    Check(
        "The same orders under two-phase commit",
        "closed forms",
        "Five participants that each vote no at rate 0.1 let 0.9^5 of the orders commit too.",
        BINOMIAL,
        lambda: _share(
            (1 - P) ** N,
            "committed_fraction",
            protocol="two_phase_commit",
            permanent_failure_percent=100 * P,
            items=10_000,
        ),
    ),
    Check(
        "Compensations",
        "closed forms",
        "Their mean number is the sum of j 0.9^j 0.1 over j = 0 ... 4.",
        GARCIA_MOLINA,
        _compensations,
    ),
    Check(
        "Time from arrival to commit",
        "closed forms",
        "Four steps of lognormal latency take 4 times the median times exp(σ²/2) on average.",
        LOGNORMAL,
        _mean_duration,
    ),
)
RETRY_CHECKS = (
    Check(
        "Waits of Step Functions",
        "retry rules",
        "With an interval of 3 s, three attempts and a backoff rate of 2 a task is retried after 3, 6 and 12 s.",
        STEP_FUNCTIONS,
        lambda: _gaps(),
    ),
    Check(
        "Longest wait",
        "retry rules",
        "With a longest wait of 5 s the same task is retried after 3, 5 and 5 s.",
        STEP_FUNCTIONS,
        lambda: _gaps(retry_max_delay_s=5),
    ),
    Check(
        "Full jitter",
        "retry rules",
        "With full jitter the third wait is uniform from 0 to 4 s, so 2 s on average.",
        STEP_FUNCTIONS,
        _jitter,
    ),
)
CHECKS = SAGA_CHECKS + CLOSED_FORMS + RETRY_CHECKS + CRASH_CHECKS
