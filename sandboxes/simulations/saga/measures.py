"""The numbers and the sentences that a run of the saga is told in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.quantities import duration
from sandboxes.simulations.saga.model import SagaResult
from sandboxes.simulations.saga.params import CoordinatorLog, Protocol
from sandboxes.simulations.saga.world import COMMITTED, FORGOTTEN, LOCK_TIMED_OUT, LOCKED, ROLLED_BACK, SOLD_OUT, STUCK
from sandboxes.simulations.spec import Better, Metric

# Which numbers come first depends on what can go wrong.
UNDER_TWO_PHASE_COMMIT = {"protocol": (Protocol.TWO_PHASE_COMMIT,)}
WITH_ITS_LOG_LOST = {"coordinator_log": (CoordinatorLog.LOST,)}
METRICS = (
    Metric(
        "committed_fraction",
        "Committed",
        "%",
        "Share of all orders whose every step was done. With rolled back, with a person and unfinished it makes 100 %.",
        Better.HIGHER,
    ),
    Metric(
        "compensated_fraction",
        "Rolled back",
        "%",
        "Share of all orders that ended with everything undone: compensated, cancelled or aborted. An order that "
        "failed at its first step counts too, for there was nothing to undo.",
        Better.NEITHER,
    ),
    Metric(
        "oversold",
        "Oversold",
        "orders",
        "Orders that still claim a unit at the end although there was none left for them.",
        Better.LOWER,
        digits=0,
    ),
    Metric(
        "double_charged",
        "Charged twice",
        "orders",
        "Orders whose customer was charged more than once, even if some of it was paid back.",
        Better.LOWER,
        digits=0,
    ),
    Metric(
        "lost_money",
        "Lost money",
        "€",
        "Money that is not where it should be at the end, and that nobody is looking for: kept for an order that does "
        "not exist, frozen for ever, or paid back without reason. Second charges of committed orders stand under "
        "charged twice.",
        Better.LOWER,
        digits=0,
    ),
    Metric(
        "stuck_fraction",
        "With a person",
        "%",
        "Share of all orders that could be neither finished nor undone by program, so that a person must decide.",
        Better.LOWER,
    ),
    Metric(
        "unfinished_fraction",
        "Unfinished",
        "%",
        "Share of all orders that nobody carries on when the run ends: forgotten by a coordinator that lost its log, "
        "or in doubt under two-phase commit.",
        Better.LOWER,
        headline=WITH_ITS_LOG_LOST,
    ),
    Metric(
        "mean_compensations",
        "Undone per order",
        "steps",
        "Steps that took effect and were undone, on average over all orders; tries that were cancelled under "
        "Try-Confirm-Cancel. What two-phase commit aborts never took effect.",
        Better.LOWER,
        digits=3,
        undefined="none to undo",
        headline=False,
    ),
    Metric(
        "p50_s",
        "p50 duration",
        "s",
        "Half of the orders that ended, committed or rolled back, did so within this time of their arrival.",
        Better.LOWER,
        undefined="none ended",
        headline=False,
    ),
    Metric(
        "p99_s",
        "p99 duration",
        "s",
        "All but one in a hundred of the orders that ended, committed or rolled back, did so within this time.",
        Better.LOWER,
        undefined="none ended",
    ),
    Metric(
        "lock_held_s",
        "Lock held",
        "s",
        "How long an order kept stock from others, on average over the orders that did and gave it free again: one "
        "unit by a semantic lock or a try, the item's whole row under two-phase commit.",
        Better.LOWER,
        undefined="none",
        headline=False,
    ),
    Metric(
        "longest_lock_s",
        "Longest lock",
        "s",
        "The longest that an order kept stock from others before it gave it free again. What is never given free does "
        "not count.",
        Better.LOWER,
        undefined="none",
        headline=UNDER_TWO_PHASE_COMMIT,
    ),
)


def measure(result: SagaResult) -> dict[str, float | None]:
    """One value per metric; None for durations where no order ended, for locks where none was given free, and for
    what two-phase commit has not."""
    orders, locked_for_s = result.orders, released_s(result)
    two_phase = result.params.protocol is Protocol.TWO_PHASE_COMMIT
    p50_s, p99_s = percentiles_s(result, 50, 99)
    return {
        "committed_fraction": count(result, COMMITTED) / orders.size,
        "compensated_fraction": count(result, ROLLED_BACK) / orders.size,
        "oversold": float(oversold(result)),
        "double_charged": float(double_charged(result)),
        "lost_money": float(result.lost_eur.sum()),
        "stuck_fraction": count(result, STUCK) / orders.size,
        "unfinished_fraction": 1 - (count(result, COMMITTED, ROLLED_BACK, STUCK) / orders.size),
        "mean_compensations": None if two_phase else float(orders["undone"].mean()),
        "p50_s": p50_s,
        "p99_s": p99_s,
        "lock_held_s": float(locked_for_s.mean()) if locked_for_s.size else None,
        "longest_lock_s": float(locked_for_s.max()) if locked_for_s.size else None,
    }


def explain(result: SagaResult) -> str:
    """A few plain sentences on what just happened, computed from the run."""
    return " ".join(
        sentence
        for sentence in (_ended(result), _undone(result), _left(result), _wrong(result), _locked(result))
        if sentence
    )


def count(result: SagaResult, *statuses: int) -> int:
    return int(np.isin(result.orders["status"], statuses).sum())


def oversold(result: SagaResult) -> int:
    """Orders that claim a unit at the end beyond the units there were."""
    claims = np.bincount(result.orders["item"][result.orders["units"] > 0], minlength=result.params.items)
    return int(np.maximum(0, claims - result.params.stock_per_item).sum())


def double_charged(result: SagaResult) -> int:
    return int((result.orders["charged"] > 1).sum())


def durations_s(result: SagaResult) -> NDArray[np.float64]:
    """From arrival to end of the orders that committed or were rolled back, in the order of arrival."""
    over = result.orders[np.isin(result.orders["status"], (COMMITTED, ROLLED_BACK))]
    lasted: NDArray[np.float64] = over["ended_s"] - over["arrival_s"]
    return lasted


def percentiles_s(result: SagaResult, *percents: float) -> list[float | None]:
    lasted_s = durations_s(result)
    if not lasted_s.size:
        return [None] * len(percents)
    return [float(value) for value in np.percentile(lasted_s, percents)]


def released_s(result: SagaResult) -> NDArray[np.float64]:
    """How long each order kept stock from others that did and gave it free again, in the order of arrival."""
    over = result.orders[(result.orders["lock_held_s"] > 0) & (result.orders["locked"] != LOCKED)]
    held_s: NDArray[np.float64] = over["lock_held_s"]
    return held_s


def told(result: SagaResult, kind: int) -> int:
    """Orders with such a line in the log."""
    return int(np.unique(result.log["order"][result.log["kind"] == kind]).size)


def _ended(result: SagaResult) -> str:
    committed, rolled_back = count(result, COMMITTED), count(result, ROLLED_BACK)
    p50_s, _ = percentiles_s(result, 50, 99)
    if result.orders.size == 1:
        return f"The one order {'committed' if committed else 'was rolled back' if rolled_back else 'did not end'}."
    typical = f" Half of those were over within {_long(p50_s)}." if p50_s is not None else ""
    return (
        f"Of {orders_of(result.orders.size)} {committed:,} committed and {rolled_back:,} "
        f"{'was' if rolled_back == 1 else 'were'} rolled back.{typical}"
    )


def _undone(result: SagaResult) -> str:
    undone, protocol = int(result.orders["undone"].sum()), result.params.protocol
    short, late = told(result, SOLD_OUT), told(result, LOCK_TIMED_OUT)
    because = f" {orders_of(short)} found the item sold out." if short else ""
    because += f" {orders_of(late)} waited in vain for a row that others had locked." if late else ""
    if protocol is Protocol.TWO_PHASE_COMMIT:
        return because.strip()
    what, how = ("step", "undone") if protocol is Protocol.SAGA else ("try", "cancelled")
    if undone < 2:
        return f"{'One' if undone else 'No'} {what} was {how}.{because}"
    return f"{undone:,} {'steps' if what == 'step' else 'tries'} were {how}.{because}"


def _left(result: SagaResult) -> str:
    stuck, forgotten = count(result, STUCK), count(result, FORGOTTEN)
    said = []
    if result.crashes_s:
        each = " each time" if len(result.crashes_s) > 1 else ""
        times = {1: "once", 2: "twice"}.get(len(result.crashes_s), f"{len(result.crashes_s)} times")
        said.append(f"The coordinator died {times} and was down for {_long(result.params.down_s)}{each}.")
    if stuck:
        waits = "waits" if stuck == 1 else "wait"
        half = _half_done(result)
        said.append(f"{orders_of(stuck)} could not be carried on by program and {waits} for a person{half}.")
    if forgotten and result.params.protocol is Protocol.TWO_PHASE_COMMIT:
        stays = "stays" if forgotten == 1 else "stay"
        said.append(f"{orders_of(forgotten)} {stays} in doubt for ever, for the coordinator's log is gone.")
    elif forgotten:
        was = "was" if forgotten == 1 else "were"
        said.append(f"{orders_of(forgotten)} {was} forgotten, for the coordinator's log is gone.")
    return " ".join(said)


def _half_done(result: SagaResult) -> str:
    """How much of the stuck sagas stands as it was done."""
    if result.params.protocol is not Protocol.SAGA:
        return ""
    tasks = result.tasks[result.orders["status"] == STUCK]
    done = int((tasks["done"] > tasks["undone"]).sum())
    whose = "its" if tasks.shape[0] == 1 else "their"
    left = f"{done:,} of {whose} steps {'was' if done == 1 else 'were'} done and not undone"
    return f"; {left if done else f'none of {whose} steps is left done'}"


def _wrong(result: SagaResult) -> str:
    over, twice, lost_eur = oversold(result), double_charged(result), float(result.lost_eur.sum())
    if not over and not twice and not lost_eur:
        return "No invariant was broken."
    said = []
    if over:
        said.append(f"{orders_of(over)} got a unit that did not exist{_why_oversold(result)}.")
    if twice:
        said.append(f"{orders_of(twice)} charged {'its' if twice == 1 else 'their'} customer twice or more.")
    if lost_eur:
        astray = int((result.lost_eur > 0).sum())
        said.append(f"{_euros(lost_eur)} of {orders_of(astray)} is not where it should be, and nobody looks for it.")
    return " ".join(said)


def _why_oversold(result: SagaResult) -> str:
    """By item: units that were given back and had never been taken explain as many orders too many as there are
    such units, and looking in one step and taking in another explains the rest."""
    orders, items = result.orders, result.params.items
    claims = np.bincount(orders["item"][orders["units"] > 0], minlength=items)
    over = np.maximum(0, claims - result.params.stock_per_item)
    invented = np.bincount(orders["item"], weights=np.maximum(0, -orders["units"]), minlength=items)
    reasons = []
    if (over > invented).any():
        reasons.append("the stock was looked at in one step and taken in another")
    if (np.minimum(over, invented) > 0).any():
        reasons.append("more units were given back than had been taken")
    return f", for {' and '.join(reasons)}"


def _locked(result: SagaResult) -> str:
    released, kept = released_s(result), int((result.orders["locked"] == LOCKED).sum())
    what = "the row of an item" if result.params.protocol is Protocol.TWO_PHASE_COMMIT else "a unit"
    said = []
    if released.size == 1:
        said.append(f"One order kept {what} from others for {_long(float(released[0]))}.")
    elif released.size:
        mean, most = _long(float(released.mean())), _long(float(released.max()))
        said.append(f"Orders that kept {what} from others did so for {mean} on average and {most} at most.")
    if kept:
        keeps = "keeps" if kept == 1 else "keep"
        said.append(f"{orders_of(kept)} still {keeps} {what} locked at the end, and no program will free it.")
    return " ".join(said)


def _euros(amount: float) -> str:
    return f"{amount:,.2f} €".replace(".00 €", " €")


def orders_of(number: int) -> str:
    """`1 order`, `3,000 orders`."""
    return f"{number:,} order" if number == 1 else f"{number:,} orders"


def _long(seconds: float) -> str:
    return " ".join(duration(seconds))
