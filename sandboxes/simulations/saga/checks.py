"""What the saga is checked against: its definition, closed forms, the rule of Step Functions, and what two-phase commit
and Try-Confirm-Cancel promise at every point at which a coordinator can die."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.checks import Check, Finding, Source, exact, statistical, within
from sandboxes.simulations.saga.calls import wait_s
from sandboxes.simulations.saga.history import effects_of_all, is_whole_or_undone
from sandboxes.simulations.saga.measures import double_charged, durations_s, measure, oversold
from sandboxes.simulations.saga.model import SagaResult, run, run_with_crash_at
from sandboxes.simulations.saga.params import SagaParams
from sandboxes.simulations.saga.services import work
from sandboxes.simulations.saga.setup import NORMAL_P99, prepared, rules
from sandboxes.simulations.saga.world import (
    BACK,
    BLOCKED,
    COMMITTED,
    DONE,
    EMPTY,
    FINISH,
    FORGOTTEN,
    FORWARD,
    HEARD,
    PAYMENT,
    REFUSED,
    REPEATED,
    ROLLED_BACK,
    RUNNING,
    SENT,
)

GARCIA_MOLINA = Source(
    "Garcia-Molina and Salem, Sagas, SIGMOD 1987, section 2", "https://dl.acm.org/doi/10.1145/38713.38742"
)
GRAY_LAMPORT = Source(
    "Gray and Lamport, Consensus on Transaction Commit, 2006, section 3",
    "https://lamport.azurewebsites.net/video/consensus-on-transaction-commit.pdf",
)
STEP_FUNCTIONS = Source(
    "AWS Step Functions, Handling errors in workflows, Retry",
    "https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html",
)
SEATA = Source(
    "Apache Seata, Idempotence, dangling and empty rollback in TCC mode",
    "https://seata.apache.org/blog/seata-tcc-fence/",
)
FRANK = Source(
    "Frank and Zahle, Semantic ACID properties in multidatabases, 1998",
    "https://doi.org/10.1002/(SICI)1097-024X(199801)28:1%3C77::AID-SPE148%3E3.0.CO;2-R",
)
BINOMIAL = Source(
    "NIST handbook, binomial distribution", "https://www.itl.nist.gov/div898/handbook/eda/section3/eda366i.htm"
)
LOGNORMAL = Source(
    "NIST handbook, lognormal distribution", "https://www.itl.nist.gov/div898/handbook/eda/section3/eda3669.htm"
)

SEEDS = range(1, 13)
N, P = 5, 0.1
# Nothing goes wrong here but what a check adds.
CALM: dict[str, Any] = {
    "permanent_failure_percent": 0,
    "transient_failure_percent": 0,
    "timeout_percent": 0,
    "compensation_failure_percent": 0,
    "p99_to_median": 1,
    "stock_per_item": 100_000,
}
TROUBLED: dict[str, Any] = {
    "orders": 2000,
    "items": 20,
    "stock_per_item": 60,
    "permanent_failure_percent": 8,
    "transient_failure_percent": 10,
    "timeout_percent": 8,
    "compensation_max_attempts": 10,
    "step_timeout_s": 0.4,
    "event_duplicate_percent": 20,
    "event_reordered_percent": 20,
}
# Few orders for few units, close together, with every kind of trouble: each crash of its coordinator is tried.
SMALL: dict[str, Any] = {
    **TROUBLED,
    "orders": 5,
    "items": 1,
    "stock_per_item": 2,
    "arrival_rate_per_s": 10,
    "down_s": 3,
}
QUIET: dict[str, Any] = {**SMALL, **CALM}


def saga_params(**changes: Any) -> SagaParams:
    """Parameters from names and plain values, as an address gives them."""
    return SagaParams.model_validate(changes)


def anomalies(result: SagaResult) -> set[str]:
    """The invariants that a run has broken."""
    found = {
        "double charge": double_charged(result) > 0,
        "lost money": result.lost_eur.sum() > 0,
        "oversold": oversold(result) > 0,
        "forgotten": bool((result.orders["status"] == FORGOTTEN).any()),
        "unfinished": bool((result.orders["status"] == RUNNING).any()),
        "torn": any(torn(result)),
    }
    return {name for name, broken in found.items() if broken}


def torn(result: SagaResult) -> NDArray[np.bool_]:
    """Whether one step of an order was committed or confirmed and another undone or barred. Shape (orders,)."""
    tasks = result.tasks
    finished, undone = tasks["finished"] > 0, (tasks["undone"] > 0) | (tasks["cancelled"] > 0)
    return np.asarray(finished.any(axis=1) & undone.any(axis=1))


def crashed_everywhere(seed: int = 1, **changes: Any) -> Iterator[SagaResult]:
    """A run once for each event at which its coordinator may die: before it hears of it, and before it acts on it."""
    params = saga_params(**changes)
    events = run_with_crash_at(params, seed, -1, False).events
    for event in range(events):
        for after_logging in (False, True):
            yield run_with_crash_at(params, seed, event, after_logging)


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


def _found_anywhere(runs: Iterator[SagaResult], expected: set[str]) -> Finding:
    count, found = 0, set()
    for result in runs:
        count += 1
        found |= anomalies(result)
    words = sorted(found) or ["nothing broken"]
    return Finding(
        ", ".join(sorted(expected)) or "nothing broken",
        f"{', '.join(words)}, {count:,} crashes tried",
        "exact",
        found == expected and count > 10,
    )


def _crash(expected: set[str], base: dict[str, Any] | None = None, **changes: Any) -> Finding:
    settings = {**(SMALL if base is None else base), **changes}
    return _found_anywhere(crashed_everywhere(1, **settings), expected)


def _torn() -> Finding:
    runs = [
        result
        for log in ("durable", "lost")
        for result in crashed_everywhere(1, **{**SMALL, "protocol": "two_phase_commit", "coordinator_log": log})
    ]
    wrong = sum(int(torn(result).sum()) for result in runs)
    finding = within(0, wrong, 0, "orders")
    return Finding(finding.expected, f"{finding.measured}, {len(runs):,} crashes tried", "exact", finding.passed)


def _blocked() -> Finding:
    """One order, whose coordinator dies with the first vote: the row is locked from the vote to the decision."""
    params = saga_params(
        **{**CALM, "orders": 1, "protocol": "two_phase_commit", "median_latency_ms": 1, "down_s": 30, "steps": 3}
    )
    result = run_with_crash_at(params, 1, 1, False)
    # After 30 s it asks for the votes again, which takes 1 ms, and the decision takes 1 ms more.
    return within(30.002, float(result.orders["lock_held_s"][0]), 1e-6, "s")


def _tcc_words() -> Finding:
    """What a participant answers to cancels and tries in every bad order."""
    words = {DONE: "done", REPEATED: "again", EMPTY: "empty", BLOCKED: "barred", REFUSED: "refused"}
    heard = []
    for calls in ((FORWARD, BACK, BACK), (BACK, BACK, FORWARD), (FORWARD, FORWARD, FINISH, FINISH)):
        params = saga_params(**{**CALM, "orders": 1, "protocol": "tcc"})
        row, world = prepared(params, 1)
        heard += [words[work(row, world, 0, PAYMENT, direction, 1, HEARD)] for direction in calls]
        heard.append(f"held {int(world.orders['held'][0])}")
    return exact(
        (
            "done",
            "done",
            "again",
            "held 0",
            "empty",
            "empty",
            "barred",
            "held 0",
            "done",
            "again",
            "done",
            "again",
            "held 0",
        ),
        heard,
    )


def _mean_duration() -> Finding:
    params = saga_params(**{**CALM, "orders": 500, "p99_to_median": 4, "step_timeout_s": 60})
    sigma = np.log(4) / NORMAL_P99
    samples = [float(np.mean(durations_s(run(params, seed)))) for seed in SEEDS]
    return statistical(4 * 0.1 * float(np.exp(sigma**2 / 2)), samples, "s")


def _choreography(expected: set[str], **changes: Any) -> Finding:
    settings = {**TROUBLED, "coordination": "choreography", "orders": 400, **changes}
    found = set().union(*(anomalies(run(saga_params(**settings), seed)) for seed in range(1, 6)))
    return exact(sorted(expected) or ["nothing broken"], sorted(found) or ["nothing broken"])


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
CRASH_CHECKS = (
    Check(
        "A crash at every event, all pieces in place",
        "crashes tried",
        "With a durable log, idempotent handlers and a semantic lock no crash of the coordinator breaks an invariant.",
        GARCIA_MOLINA,
        lambda: _crash(set()),
    ),
    Check(
        "A crash at every event, with a pivot",
        "crashes tried",
        "Nor does one if the stock is looked at again at the pivot.",
        FRANK,
        lambda: _crash(set(), isolation="pivot_ordering"),
    ),
    Check(
        "Without idempotency",
        "crashes tried",
        "The call made again after a crash charges a customer twice, and nothing else goes wrong.",
        GARCIA_MOLINA,
        lambda: _crash({"double charge"}, QUIET, idempotent_handlers=False),
    ),
    Check(
        "With the log lost",
        "crashes tried",
        "Orders under way are forgotten, with the money of those that had paid, and nothing else goes wrong.",
        GARCIA_MOLINA,
        lambda: _crash({"forgotten", "lost money"}, QUIET, coordinator_log="lost"),
    ),
    Check(
        "Without isolation",
        "crashes tried",
        "Orders that saw the same last unit are all sold it, and nothing else goes wrong.",
        FRANK,
        lambda: _crash({"oversold"}, isolation="none"),
    ),
    Check(
        "Choreography, all pieces in place",
        "crashes tried",
        "Late, doubled and reordered events break nothing if handlers are idempotent.",
        GARCIA_MOLINA,
        lambda: _choreography(set()),
    ),
    Check(
        "Choreography without idempotency",
        "crashes tried",
        "Doubled events alone, with nothing failing, charge a customer twice.",
        GARCIA_MOLINA,
        lambda: _choreography({"double charge"}, **CALM, idempotent_handlers=False),
    ),
    Check(
        "Two-phase commit: all or none",
        "crashes tried",
        "Wherever the coordinator dies, and whether its log survives or not, nobody commits while another aborts.",
        GRAY_LAMPORT,
        _torn,
    ),
    Check(
        "Two-phase commit blocks",
        "crashes tried",
        "Participants that have voted hold their locks while the coordinator is down, here for 30 s, and then until it "
        "has asked again and decided.",
        GRAY_LAMPORT,
        _blocked,
    ),
    Check(
        "Try-Confirm-Cancel at every crash",
        "crashes tried",
        "With a durable log and idempotent handlers no crash breaks an invariant or leaves anything frozen.",
        SEATA,
        lambda: _crash(set(), protocol="tcc"),
    ),
    Check(
        "Cancel twice, before the try, and a late try",
        "crashes tried",
        "A second cancel changes nothing, one without a try is empty, and a try that comes after it is barred.",
        SEATA,
        _tcc_words,
    ),
)
CHECKS = SAGA_CHECKS + CLOSED_FORMS + RETRY_CHECKS + CRASH_CHECKS
