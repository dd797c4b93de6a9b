"""The numbers and the sentences that a run of the saga is told in."""

from __future__ import annotations

from sandboxes.simulations.spec import Better, Metric

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
        headline=False,
    ),
    Metric(
        "unfinished_fraction",
        "Unfinished",
        "%",
        "Share of all orders that nobody carries on when the run ends: forgotten by a coordinator that lost its log, "
        "or in doubt under two-phase commit.",
        Better.LOWER,
        headline=False,
    ),
    Metric(
        "mean_compensations",
        "Undone per order",
        "steps",
        "Steps that took effect and were undone, on average over all orders.",
        Better.LOWER,
        digits=3,
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
        "How long an order kept stock from others, on average over the orders that did: one unit by a semantic lock "
        "or a try, the item's whole row under two-phase commit. 0 if none did.",
        Better.LOWER,
        headline=False,
    ),
)
