"""What must hold wherever the coordinator dies, and what breaks once a piece is missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandboxes.simulations.checks import Check, Finding, exact, within
from sandboxes.simulations.saga.model import SagaResult, run, run_with_crash_at
from sandboxes.simulations.saga.references import FRANK, GARCIA_MOLINA, GRAY_LAMPORT, SEATA
from sandboxes.simulations.saga.services import work
from sandboxes.simulations.saga.setup import prepared
from sandboxes.simulations.saga.trials import (
    CALM,
    QUIET,
    SMALL,
    TROUBLED,
    anomalies,
    crashed_everywhere,
    saga_params,
    torn,
)
from sandboxes.simulations.saga.world import (
    BACK,
    BLOCKED,
    DONE,
    EMPTY,
    FINISH,
    FORWARD,
    HEARD,
    PAYMENT,
    REFUSED,
    REPEATED,
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
    # After 30 s it decides to abort, which takes 1 ms to be heard.
    return within(30.001, float(result.orders["lock_held_s"][0]), 1e-6, "s")


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


def _choreography(expected: set[str], **changes: Any) -> Finding:
    settings = {**TROUBLED, "coordination": "choreography", "orders": 400, **changes}
    found = set().union(*(anomalies(run(saga_params(**settings), seed)) for seed in range(1, 6)))
    return exact(sorted(expected) or ["nothing broken"], sorted(found) or ["nothing broken"])


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
        "Participants that have voted hold their locks while the coordinator is down, here for 30 s, and then until "
        "they hear that it aborts what was undecided.",
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
