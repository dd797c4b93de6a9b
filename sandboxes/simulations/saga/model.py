"""Saga: many local transactions in place of one big one, each with another that undoes it.

Model     Orders arrive as a Poisson process; each wants one unit of one item and pays one price. Its steps change real
          counters: payment charges, inventory looks at the stock or keeps a unit aside, confirm sells it. Each attempt
          at a step takes a lognormal time and is refused for good, fails for now, is done, or has its answer lost, and
          then was done or not. Failures for now and unknown outcomes are retried by the rule of Step Functions. A step
          that fails for good turns the saga back: compensations run in reverse, a step of unknown outcome included, and
          are retried; what cannot be undone lands with a person. Two-phase commit and Try-Confirm-Cancel ask all steps
          at once and then tell all; the one locks an item's row from the vote to the decision, the other one unit.
          A coordinator that dies hears no answers, and takes up from its log the orders that were under way: sagas
          where they were; of the other two it carries out what was decided and aborts the rest (presumed abort).
Claim     With steps that fail independently at rate p and no retries, (1 - p)^n of the orders commit, and the mean
          number of compensations is the sum of j (1 - p)^j p over j < n.
Left out  Queues and capacity of the services, crashes of a service or its memory, several units or items in an order,
          the time limit of a reservation, and deadlocks (an order locks one row). Waiting for a row does not run
          into the step timeout, only into the lock timeout. Steps after a pivot, and the second phase of the other two
          protocols, are never refused; they, and a last step or pivot whose outcome is unknown, are asked for until
          they answer, by the same waits, none of them beyond the first retries longer than a minute, and land with a
          person after 50 retries: such a step is never undone. A coordinator writes votes down nowhere.
Source    Garcia-Molina and Salem, Sagas, SIGMOD 1987 <https://dl.acm.org/doi/10.1145/38713.38742>; Gray and Lamport,
          Consensus on Transaction Commit, 2006 <https://lamport.azurewebsites.net/video/consensus-on-transaction-commit.pdf>;
          Step Functions, for the rule of its retries
          <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>; Apache Seata, for what a
          cancel must stand <https://seata.apache.org/blog/seata-tcc-fence/>.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.agenda import push
from sandboxes.simulations.saga.params import SagaParams
from sandboxes.simulations.saga.play import play, with_more_room
from sandboxes.simulations.saga.setup import crash_moments_s, prepared
from sandboxes.simulations.saga.world import (
    ARRIVES,
    COMMITTED,
    CRASHES,
    STUCK,
    Rows,
    about,
)


@dataclass(frozen=True)
class SagaResult:
    """One run. `orders` are by arrival, `log` is in the order of time; both are structured arrays, see `world`."""

    params: SagaParams
    seed: int
    orders: Rows  # records of ORDER
    tasks: Rows  # records of TASK, shape (orders, steps)
    items: Rows  # records of ITEM
    log: Rows  # records of ENTRY
    ended_s: float  # when nothing moved any more
    crashes_s: tuple[float, ...]
    events: int  # how many things happened, crashes and their ends not counted

    @property
    def duration_s(self) -> float:
        """How long the run was: until nothing moved any more."""
        return self.ended_s

    @property
    def lost_eur(self) -> NDArray[np.float64]:
        """Money of each order that is not where it should be and that nobody is looking for. Shape (orders,)."""
        orders, paid = self.orders, self.orders["charged"] - self.orders["refunded"]
        astray = np.where(orders["status"] == COMMITTED, np.maximum(0, 1 - paid), np.abs(paid))
        known = orders["status"] == STUCK
        return np.where(known, 0, astray + np.abs(orders["held"])) * self.params.price_eur

    def log_of(self, order: int) -> Rows:
        """What happened to one order (from 0), crashes of the coordinator included, in the order of time."""
        mine: NDArray[np.bool_] = (self.log["order"] == order) | (self.log["order"] == -1)
        lines: Rows = self.log[mine]
        return lines


def run(params: SagaParams, seed: int) -> SagaResult:
    """One run, until nothing moves any more. The same arguments give the same result, bit for bit.

    What befalls an attempt is drawn by order, step and attempt, so two settings meet the same luck. Raises ValueError
    for a seed out of range.
    """
    return run_with_crash_at(params, seed, -1, False)


def run_with_crash_at(params: SagaParams, seed: int, event: int, after_logging: bool) -> SagaResult:
    """A run whose coordinator dies at one event more, counted from 0: before it hears of it, or if `after_logging`
    when it has logged what it will do and before it sends anything. -1 for no such crash."""
    rule, world = prepared(params, seed)
    crashes_s = crash_moments_s(params)
    for number, crash_s in enumerate(crashes_s):
        push(world.agenda, crash_s, about(CRASHES, number))
    if params.orders:
        push(world.agenda, float(world.orders["arrival_s"][0]), about(ARRIVES, 0))
    while not play(rule, world, event, after_logging):
        world = with_more_room(world)
    return SagaResult(
        params=params,
        seed=seed,
        orders=world.orders,
        tasks=world.tasks.reshape(params.orders, params.steps),
        items=world.items,
        log=world.log[: world.totals["logged"]].copy(),
        ended_s=float(world.totals["now_s"]),
        crashes_s=crashes_s,
        events=int(world.totals["events"]),
    )
