"""What there is in a run: rules, orders with their steps, items on their shelves, a coordinator, and the log of it all.

Records are rows of structured arrays, read as `order["status"]` by compiled code and plain Python alike. A function
takes the row it works on: a row is a bare pointer to compiled code, while every array costs a counted reference.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sandboxes.simulations.agenda import Agenda, push
from sandboxes.simulations.saga.codes import codes
from sandboxes.simulations.saga.params import MOST_STEPS

SAGA, TWO_PHASE_COMMIT, TCC = codes(3)
ORCHESTRATION, CHOREOGRAPHY = codes(2)
NO_ISOLATION, SEMANTIC_LOCK, PIVOT_ORDERING = codes(3)

# The steps that have to do with money and stock; the ones after them have no counter that could go wrong.
PAYMENT, INVENTORY, CONFIRM = codes(3)
SERVICES = ("payment", "inventory", "orders", "shipping", "invoices", "messages", "points", "archive")

# Which way a call goes: T of a saga, prepare, try · C of a saga, abort, cancel · commit, confirm.
FORWARD, BACK, FINISH = codes(3)

# What became of an order.
COMING, RUNNING, COMMITTED, ROLLED_BACK, STUCK, FORGOTTEN = codes(6)

# Whether an order keeps stock from others; in 2PC it may wait for a row that another has.
UNLOCKED, QUEUES, LOCKED = codes(3)

# What the log tells. The first ones are also what an attempt can come to.
DONE, REFUSED, FAILED, UNKNOWN, REPEATED, SOLD_OUT, EMPTY, BLOCKED, WAITS = codes(9)
SENT, STARTED, PUBLISHED, DELIVERED, DECIDED, LOCK_TIMED_OUT, ENDED, CRASHED, RESUMED = codes(9, 9)
# A line about no order, or no step; no attempt, no retry yet; whether the caller learns of it.
NOBODY, WHOLE = codes(1, -1) * 2
NONE_YET = codes(1)[0]
HEARD, UNHEARD = codes(2)

# What an agenda's item is about.
ARRIVES, SENDS, ANSWERS, WORKS, DELIVERS, LOCK_TIMES_OUT, CRASHES, RESUMES = codes(8)

# A call that must come through in the end is retried this often before a person is asked.
PERSISTENT = 50

# Room for what one event may write into the log or put on the agenda, for each order it touches.
ROOM = 64

# An item of the agenda is one number; each thing in it has so many bits, from the top to the bottom.
WHAT_BITS, ORDER_BITS, STEP_BITS, DIRECTION_BITS, ATTEMPT_BITS, TRIES_BITS, VERDICT_BITS = 4, 20, 4, 2, 11, 7, 4
MOST_ATTEMPTS, MOST_TRIES = (1 << ATTEMPT_BITS) - 1, (1 << TRIES_BITS) - 1
TRIES_AT = VERDICT_BITS
ATTEMPT_AT = TRIES_AT + TRIES_BITS
DIRECTION_AT = ATTEMPT_AT + ATTEMPT_BITS
STEP_AT = DIRECTION_AT + DIRECTION_BITS
ORDER_AT = STEP_AT + STEP_BITS
WHAT_AT = ORDER_AT + ORDER_BITS


# The parameters in the kernel's terms; rates are fractions, and arrays are by step.
RULES = np.dtype(
    [
        ("first_word", np.int64),  # of the seed for what is drawn by index
        ("second_word", np.int64),
        ("protocol", np.int64),
        ("coordination", np.int64),
        ("isolation", np.int64),
        ("idempotent", np.int64),
        ("steps", np.int64),
        ("median_s", np.float64, MOST_STEPS),
        ("refused", np.float64, MOST_STEPS),
        ("failing", np.float64, MOST_STEPS),
        ("unknown", np.float64, MOST_STEPS),
        ("timeout_effect", np.float64),
        ("retry_interval_s", np.float64),
        ("retry_max_attempts", np.int64),
        ("retry_backoff_rate", np.float64),
        ("retry_max_delay_s", np.float64),
        ("full_jitter", np.int64),
        ("compensation_failure", np.float64),
        ("compensation_refused", np.float64),
        ("compensation_max_attempts", np.int64),
        ("down_s", np.float64),
        ("durable", np.int64),
        ("event_delay_s", np.float64),
        ("event_duplicate", np.float64),
        ("event_held_up", np.float64),
        ("sigma", np.float64),
        ("step_timeout_s", np.float64),
        ("lock_timeout_s", np.float64),
    ]
)
ORDER = np.dtype(
    [
        ("number", np.int64),
        ("item", np.int64),
        ("status", np.int64),
        ("arrival_s", np.float64),
        ("ended_s", np.float64),
        # What its coordinator has in its log: the way it goes, how far it is, how many answers are still to come.
        ("direction", np.int64),
        ("step", np.int64),
        ("pending", np.int64),
        # What the services have done for it, in charges, refunds, frozen amounts and units.
        ("charged", np.int64),
        ("refunded", np.int64),
        ("held", np.int64),
        ("money_s", np.float64),  # the last time that money moved
        ("units", np.int64),
        ("undone", np.int64),  # steps
        # Stock kept from others: since when, and for how long before it was given free. In 2PC also its place in the
        # queue for the row.
        ("locked", np.int64),  # UNLOCKED, QUEUES or LOCKED
        ("locked_s", np.float64),
        ("lock_held_s", np.float64),
        ("next", np.int64),
        ("lock_event", np.int64),  # what to go on with once the row is granted
    ]
)
TASK = np.dtype(
    [
        # The caller's side: the attempt whose answer it waits for, and how often it has tried this way.
        ("attempt", np.int64),
        ("tries", np.int64),
        ("direction", np.int64),
        ("waiting", np.int64),
        ("unknown", np.int64),  # an attempt at T had no answer, so T may have happened
        ("events", np.int64),
        # Of a choreography, forward and back: the retries made so far, and whether one is to come or under way.
        ("retries", np.int64, 2),
        ("retrying", np.int64, 2),
        # The service's side: its memory of this order, which makes it idempotent.
        ("done", np.int64),
        ("undone", np.int64),
        ("finished", np.int64),
        ("cancelled", np.int64),
    ]
)
ITEM = np.dtype(
    [
        ("stock", np.int64),
        ("free", np.int64),
        ("claims", np.int64),  # orders that have a unit, or believe so
        ("holder", np.int64),  # in 2PC, 1 + the order that has the row's lock
        ("first", np.int64),
        ("last", np.int64),
    ]
)
TOTALS = np.dtype(
    [
        ("up", np.int64),
        ("muted", np.int64),  # dies before it sends what it has just logged
        ("now_s", np.float64),
        ("oversold", np.int64),
        ("double_charged", np.int64),
        ("locked", np.int64),  # orders that keep stock from others, and in 2PC those that queue for a row
        ("queueing", np.int64),
        ("logged", np.int64),
        ("events", np.int64),
    ]
)
ENTRY = np.dtype(
    [
        ("at_s", np.float64),
        ("order", np.int32),
        ("kind", np.int8),
        ("step", np.int8),
        ("direction", np.int8),
        ("unseen", np.int8),  # 1 if the caller does not learn of it
        ("attempt", np.int16),
        ("oversold", np.int32),
        ("double_charged", np.int32),
        ("locked", np.int32),
        ("queueing", np.int32),
    ]
)
# A row of one of these; the type checker cannot know its fields.
Row: TypeAlias = Any
Rules: TypeAlias = Any  # a row of RULES
Rows: TypeAlias = NDArray[Any]


class World(NamedTuple):
    """Everything that changes in a run. Tasks are by order and step: the row `order * steps + step`."""

    orders: Rows
    tasks: Rows
    items: Rows
    totals: Row
    agenda: Agenda
    log: Rows


@njit(cache=True)
def note(world: World, order: int, kind: int, step: int, direction: int, attempt: int, unseen: int) -> None:
    """Write one line of the log, with invariants and locks as they stand."""
    totals = world.totals
    entry = world.log[totals["logged"]]
    totals["logged"] += 1
    entry["at_s"] = totals["now_s"]
    entry["order"] = order
    entry["kind"] = kind
    entry["step"] = step
    entry["direction"] = direction
    entry["unseen"] = unseen
    entry["attempt"] = attempt
    entry["oversold"] = totals["oversold"]
    entry["double_charged"] = totals["double_charged"]
    entry["locked"] = totals["locked"]
    entry["queueing"] = totals["queueing"]


@njit(cache=True)
def item_of(what: int, order: int, step: int, direction: int, attempt: int, tries: int, verdict: int) -> int:
    """An agenda's item as one number. At the same moment arrivals come first, then the lower order and step.

    Raises OverflowError for an attempt or a retry beyond its bits, which would change the fields above them.
    """
    if attempt > MOST_ATTEMPTS or tries > MOST_TRIES:
        raise OverflowError("an item of the agenda has room for attempts to 2047 and retries to 127")
    high = (what << ORDER_BITS | order) << STEP_BITS | step
    low = ((direction << ATTEMPT_BITS | attempt) << TRIES_BITS | tries) << VERDICT_BITS | verdict
    return high << STEP_AT | low


@njit(cache=True)
def taken_apart(item: int) -> tuple[int, int, int, int, int, int, int]:
    """What `item_of` put together: what, order, step, direction, attempt, tries, verdict."""
    return (
        item >> WHAT_AT,
        item >> ORDER_AT & ((1 << ORDER_BITS) - 1),
        item >> STEP_AT & ((1 << STEP_BITS) - 1),
        item >> DIRECTION_AT & ((1 << DIRECTION_BITS) - 1),
        item >> ATTEMPT_AT & MOST_ATTEMPTS,
        item >> TRIES_AT & MOST_TRIES,
        item & ((1 << VERDICT_BITS) - 1),
    )


@njit(cache=True)
def about(what: int, order: int) -> int:
    """An agenda's item about an order as a whole."""
    return item_of(what, order, PAYMENT, FORWARD, NONE_YET, NONE_YET, DONE)


@njit(cache=True)
def soon(
    world: World, in_s: float, what: int, order: int, step: int, direction: int, attempt: int, tries: int, verdict: int
) -> None:
    """Put something on the agenda, `in_s` from now."""
    at_s = world.totals["now_s"] + in_s
    push(world.agenda, at_s, item_of(what, order, step, direction, attempt, tries, verdict))


@njit(cache=True)
def end(world: World, order: int, status: int) -> None:
    """The order is over for its caller; the first word counts. A semantic lock ends with its saga."""
    row = world.orders[order]
    if row["status"] != RUNNING:
        return
    row["status"] = status
    row["ended_s"] = world.totals["now_s"]
    if status == COMMITTED:
        unlock(world, row)
    note(world, order, ENDED, WHOLE, FORWARD, status, HEARD)


@njit(cache=True)
def lock(world: World, row: Row) -> None:
    """The order keeps stock from others, from now."""
    world.totals["queueing"] -= row["locked"] == QUEUES
    world.totals["locked"] += 1
    row["locked"] = LOCKED
    row["locked_s"] = world.totals["now_s"]


@njit(cache=True)
def unlock(world: World, row: Row) -> None:
    """The order keeps nothing from others any more, and waits for nothing."""
    if row["locked"] == LOCKED:
        row["lock_held_s"] += world.totals["now_s"] - row["locked_s"]
        world.totals["locked"] -= 1
    world.totals["queueing"] -= row["locked"] == QUEUES
    row["locked"] = UNLOCKED
