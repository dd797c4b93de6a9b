"""One order's log in words: who told whom what, as arrows of a sequence and as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sandboxes.simulations.saga.history import order_looked_at
from sandboxes.simulations.saga.model import SagaResult
from sandboxes.simulations.saga.params import Isolation, Protocol, SagaParams
from sandboxes.simulations.saga.setup import has_coordinator
from sandboxes.simulations.saga.world import (
    BACK,
    BLOCKED,
    COMMITTED,
    CRASHED,
    DECIDED,
    DELIVERED,
    DONE,
    EMPTY,
    ENDED,
    FAILED,
    FINISH,
    FORGOTTEN,
    FORWARD,
    LOCK_TIMED_OUT,
    PUBLISHED,
    REFUSED,
    REPEATED,
    RESUMED,
    ROLLED_BACK,
    SENT,
    SERVICES,
    SOLD_OUT,
    STARTED,
    STUCK,
    UNKNOWN,
    WAITS,
)

CALLS = {
    Protocol.SAGA: {FORWARD: "T", BACK: "C", FINISH: "F"},
    Protocol.TWO_PHASE_COMMIT: {FORWARD: "prepare", BACK: "abort", FINISH: "commit"},
    Protocol.TCC: {FORWARD: "try", BACK: "cancel", FINISH: "confirm"},
}
RESULTS = {
    DONE: "done",
    REFUSED: "refused",
    FAILED: "failed",
    UNKNOWN: "no answer",
    REPEATED: "already done",
    SOLD_OUT: "sold out",
    EMPTY: "nothing to undo",
    BLOCKED: "barred",
    WAITS: "waits for the row",
    LOCK_TIMED_OUT: "row not free in time",
}
TONES = {
    DONE: "closed",
    REPEATED: "closed",
    EMPTY: "closed",
    REFUSED: "open",
    SOLD_OUT: "open",
    BLOCKED: "open",
    LOCK_TIMED_OUT: "open",
    FAILED: "slow",
    UNKNOWN: "slow",
    WAITS: "half",
}
ENDS = {
    COMMITTED: "committed",
    ROLLED_BACK: "rolled back",
    STUCK: "left to a person",
    FORGOTTEN: "forgotten",
}


class Line(NamedTuple):
    """One line of an order's log. Actors are numbered: 0 the coordinator (or the customer), then the services.

    An arrow goes from `teller` to `hearer`; where both are the same it is a mark on that actor's lifeline. `lost`
    says that an arrow does not arrive.
    """

    at_s: float
    kind: int
    step: int  # from 0; -1 for what concerns the whole order
    direction: int
    teller: int
    hearer: int
    label: str
    tone: str
    said: str
    lost: bool = False


def actors(params: SagaParams) -> tuple[str, ...]:
    """Who takes part, from left to right."""
    first = "coordinator" if has_coordinator(params) else "customer"
    return (first, *SERVICES[: params.steps])


def lines(result: SagaResult) -> list[Line]:
    """The log of the order looked at, from its arrival to the last that happened to it."""
    return list(_told(result, order_looked_at(result)))


def call_name(params: SagaParams, direction: int, step: int) -> str:
    """T2, C2 of a saga; prepare, try and so on of the others."""
    name = CALLS[params.protocol][direction]
    return f"{name}{step + 1}" if params.protocol is Protocol.SAGA else name


def _named(params: SagaParams, direction: int, step: int) -> str:
    """T2 inventory of a saga: its numbers say little by themselves."""
    name = call_name(params, direction, step)
    return f"{name} {SERVICES[step]}" if params.protocol is Protocol.SAGA else name


def _told(result: SagaResult, order: int) -> Iterator[Line]:
    params, asked_before, turned_back_at = result.params, set(), -1
    row, log = result.orders[order], result.log_of(order)
    last_s = max(float(row["ended_s"]), float(log["at_s"][log["order"] == order].max(initial=0)))
    for entry in log[(log["at_s"] >= row["arrival_s"]) & (log["at_s"] <= last_s)]:
        kind, step, direction = int(entry["kind"]), int(entry["step"]), int(entry["direction"])
        if kind == DECIDED and direction == BACK:
            turned_back_at = step
        at_s, unseen = float(entry["at_s"]), bool(entry["unseen"])
        if kind in (CRASHED, RESUMED):
            yield _of_the_coordinator(at_s, kind, int(row["status"]), at_s == float(row["ended_s"]))
        elif kind == SENT:
            again = (step, direction) in asked_before
            asked_before.add((step, direction))
            yield _call(params, at_s, step, direction, again)
        elif kind == UNKNOWN and unseen:
            continue  # nobody waits for the answer any more
        elif kind in RESULTS:
            yield _result(params, at_s, kind, step, direction, unseen)
        elif kind in (PUBLISHED, DELIVERED):
            yield _event(params, at_s, kind, step, direction, own=step == turned_back_at)
        elif kind != STARTED or step == -1:
            yield _of_the_order(params, at_s, kind, step, direction, int(entry["attempt"]))


def _call(params: SagaParams, at_s: float, step: int, direction: int, again: bool) -> Line:
    name = call_name(params, direction, step)
    tone = "half" if direction == BACK else "accent"
    label = f"{_named(params, direction, step)}{' again' if again else ''}"
    more = ", once more" if again else ""
    said = f"The coordinator sends {name} to {SERVICES[step]}{more}."
    if not has_coordinator(params):
        said = f"{SERVICES[step].capitalize()} begins {name}{more}."
    caller = 0 if has_coordinator(params) else step + 1
    return Line(at_s, SENT, step, direction, caller, step + 1, label, tone, said)


def _result(params: SagaParams, at_s: float, kind: int, step: int, direction: int, unseen: bool) -> Line:
    name, label = SERVICES[step].capitalize(), RESULTS[kind]
    told = {
        DONE: f"{name}: {_effect(params, step, direction)}",
        REFUSED: f"{name} {'cannot undo what it did' if direction == BACK else 'refuses for good'}.",
        FAILED: f"{name} fails for now, without effect.",
        UNKNOWN: f"No answer from {SERVICES[step]} in time: it may have been done, or not.",
        REPEATED: f"{name} has done that already and does nothing twice.",
        SOLD_OUT: f"{name}: the item is sold out.",
        EMPTY: f"{name} has nothing to undo, and will bar whatever comes late.",
        BLOCKED: f"{name} does nothing: for it this order is over, so the call is barred.",
        WAITS: f"{name} waits for the lock on the item's row.",
        LOCK_TIMED_OUT: f"{name} did not get the lock on the item's row in time.",
    }[kind]
    if kind == UNKNOWN:
        me = 0 if has_coordinator(params) else step + 1
        return Line(at_s, kind, step, direction, me, me, label, "slow", told)
    hearer = 0 if has_coordinator(params) and kind != WAITS else step + 1
    if unseen:
        told += " Nobody hears of it."
    return Line(at_s, kind, step, direction, step + 1, hearer, label, TONES[kind], told, lost=unseen)


def _effect(params: SagaParams, step: int, direction: int) -> str:
    saga, pair = params.protocol is Protocol.SAGA, (step, direction)
    locks = params.isolation is Isolation.SEMANTIC_LOCK
    looks = not saga or locks
    words = {
        (0, FORWARD): "the price is charged." if saga else "the price is frozen.",
        (0, BACK): "the price is paid back." if saga else "the price is free again.",
        (0, FINISH): "the price is charged.",
        (1, FORWARD): "a unit is kept aside." if looks else "there is a unit, says the count.",
        (1, BACK): "the unit is given back." if looks else "nothing was kept, so nothing is given back.",
        (2, FORWARD): "done." if looks else "a unit is taken.",
        (2, BACK): "undone." if looks else "the unit is given back.",
    }
    return words.get(pair, {FORWARD: "done.", BACK: "undone.", FINISH: "finished."}[direction])


def _event(params: SagaParams, at_s: float, kind: int, step: int, direction: int, own: bool) -> Line:
    """`own`: this very step turned the order back, and undoes what it may have done itself."""
    # Going forward the step before publishes, going back the one after; the customer places the order.
    teller = step if direction == FORWARD else step + 1 if own else step + 2
    what = call_name(params, direction, step)
    tone = "half" if direction == BACK else "accent"
    if kind == PUBLISHED:
        return Line(
            at_s, kind, step, direction, teller, teller, "event", tone, f"An event is published: {what} is next."
        )
    return Line(
        at_s,
        kind,
        step,
        direction,
        teller,
        step + 1,
        what,
        tone,
        f"The event reaches {SERVICES[step]}: {what} is next.",
    )


def _of_the_order(params: SagaParams, at_s: float, kind: int, step: int, direction: int, attempt: int) -> Line:
    if kind == STARTED:
        return Line(at_s, kind, -1, FORWARD, 0, 0, "order", "ink", "The order is taken up.")
    if kind == DECIDED and step < 0 and direction == BACK:
        name = CALLS[params.protocol][BACK]
        said = f"The log holds no decision on this order, so the coordinator decides to {name}."
        return Line(at_s, kind, -1, BACK, 0, 0, f"all: {name}", "half", said)
    if kind == ENDED:
        tone = {COMMITTED: "closed", ROLLED_BACK: "half", STUCK: "open"}[attempt]
        return Line(at_s, kind, -1, FORWARD, 0, 0, ENDS[attempt], tone, f"The order is {ENDS[attempt]}.")
    if direction == FINISH:
        name = CALLS[params.protocol][FINISH]
        return Line(at_s, kind, -1, FINISH, 0, 0, f"all: {name}", "closed", f"All can, so the decision is to {name}.")
    me = 0 if has_coordinator(params) else step + 1
    said = f"{SERVICES[step].capitalize()} will not do its step, so what was done is undone, the last first."
    if params.protocol is not Protocol.SAGA:
        said = f"{SERVICES[step].capitalize()} cannot, so the decision is to {CALLS[params.protocol][BACK]}."
    return Line(at_s, DECIDED, step, BACK, me, me, "turn back", "half", said)


def _of_the_coordinator(at_s: float, kind: int, status: int, ends_it: bool) -> Line:
    if kind == RESUMED:
        return Line(
            at_s, kind, -1, FORWARD, 0, 0, "up again", "closed", "The coordinator is up again and reads its log."
        )
    if status == FORGOTTEN and ends_it:
        said = "The coordinator dies, and with it all it knew of this order."
        return Line(at_s, kind, -1, FORWARD, 0, 0, "dies, forgets", "open", said)
    return Line(at_s, kind, -1, FORWARD, 0, 0, "dies", "open", "The coordinator dies and hears nothing any more.")
