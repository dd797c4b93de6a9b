"""Saga: many local transactions in place of one big one, each with another that undoes it.

Model     Orders arrive as a Poisson process; each wants one unit of one item and pays one price. Its steps change real
          counters: payment charges, inventory looks at the stock or keeps a unit aside, confirm sells it. Each attempt
          at a step takes a lognormal time and is refused for good, fails for now, is done, or has its answer lost, and
          then was done or not. Failures for now and unknown outcomes are retried by the rule of Step Functions. A step
          that fails for good turns the saga back: compensations run in reverse, a step of unknown outcome included, and
          are retried; what cannot be undone lands with a person. Two-phase commit and Try-Confirm-Cancel ask all steps
          at once and then tell all; the one locks an item's row from the vote to the decision, the other one unit.
          A coordinator that dies hears no answers, and takes up from its log the orders that were under way.
Claim     With steps that fail independently at rate p and no retries, (1 - p)^n of the orders commit, and the mean
          number of compensations is the sum of j (1 - p)^j p over j < n.
Left out  Queues and capacity of the services, crashes of a service or its memory, several units or items in an order,
          the time limit of a reservation, and deadlocks (an order locks one row). Waiting for a row does not run
          into the step timeout, only into the lock timeout. Steps after a pivot, and the second phase of the other two
          protocols, are never refused; they, and a last step or pivot whose outcome is unknown, are asked for until
          they answer, and land with a person after 50 retries.
Source    Garcia-Molina and Salem, Sagas, SIGMOD 1987 <https://dl.acm.org/doi/10.1145/38713.38742>; Gray and Lamport,
          Consensus on Transaction Commit, 2006 <https://lamport.azurewebsites.net/video/consensus-on-transaction-commit.pdf>;
          Step Functions, for the rule of its retries
          <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>; Apache Seata, for what a
          cancel must stand <https://seata.apache.org/blog/seata-tcc-fence/>.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sandboxes.simulations.agenda import empty_agenda, next_at_s, pop, push
from sandboxes.simulations.saga import choreography, orchestration, two_phase
from sandboxes.simulations.saga.chance import WORD
from sandboxes.simulations.saga.params import (
    MOST_STEPS,
    Coordination,
    CoordinatorLog,
    Isolation,
    Jitter,
    Protocol,
    SagaParams,
)
from sandboxes.simulations.saga.services import refuse, vote_no, work
from sandboxes.simulations.saga.world import (
    ANSWERS,
    ARRIVES,
    CHOREOGRAPHY,
    COMING,
    COMMITTED,
    CRASHED,
    CRASHES,
    DELIVERS,
    DONE,
    ENTRY,
    FORGOTTEN,
    FORWARD,
    HEARD,
    INVENTORY,
    ITEM,
    LOCK_TIMED_OUT,
    LOCK_TIMES_OUT,
    NO_ISOLATION,
    NOBODY,
    NONE_YET,
    ORCHESTRATION,
    ORDER,
    PAYMENT,
    PIVOT_ORDERING,
    REFUSED,
    RESUMED,
    RESUMES,
    RULES,
    RUNNING,
    SAGA,
    SEMANTIC_LOCK,
    SENDS,
    STUCK,
    TASK,
    TCC,
    TOTALS,
    TWO_PHASE_COMMIT,
    UNHEARD,
    WAITS,
    WHAT_AT,
    WHOLE,
    WORKS,
    Rows,
    Rules,
    World,
    about,
    note,
    taken_apart,
)
from sandboxes.simulations.streams import streams

# The standard normal quantile of 0.99: a lognormal's p99 is its median times exp(this x sigma).
NORMAL_P99 = 2.3263478740408408
# Room for what one event may write into the log or put on the agenda, for each order it touches.
ROOM = 64


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
    close_locks(world)
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


def prepared(params: SagaParams, seed: int) -> tuple[Rules, World]:
    """The rules of a run and the world before anything has happened."""
    arrivals, items, draws = streams(seed, "arrivals", "items", "draws")
    return rules(params, draws.integers(0, WORD, 2)), new_world(params, arrivals, items)


def requests(params: SagaParams) -> int:
    """How many orders a run has."""
    return params.orders


def arrivals_last_s(params: SagaParams) -> float:
    """How long orders come, on average."""
    return params.orders / params.arrival_rate_per_s


def has_coordinator(params: SagaParams) -> bool:
    return params.protocol is not Protocol.SAGA or params.coordination is Coordination.ORCHESTRATION


def crash_moments_s(params: SagaParams) -> tuple[float, ...]:
    """When the coordinator dies: evenly spread over the arrivals, each time when it is up again."""
    if not has_coordinator(params):
        return ()
    first_s = arrivals_last_s(params) / (params.crashes + 1)
    apart_s = max(first_s, params.down_s * 1.25)
    return tuple(first_s + apart_s * number for number in range(params.crashes))


def rules(params: SagaParams, words: NDArray[np.int64]) -> Rules:
    """The parameters in the kernel's terms."""
    saga = params.protocol is Protocol.SAGA
    isolation = {
        Isolation.NONE: NO_ISOLATION,
        Isolation.SEMANTIC_LOCK: SEMANTIC_LOCK,
        Isolation.PIVOT_ORDERING: PIVOT_ORDERING,
    }[params.isolation]
    values: dict[str, Any] = {
        "first_word": words[0],
        "second_word": words[1],
        "protocol": {Protocol.SAGA: SAGA, Protocol.TWO_PHASE_COMMIT: TWO_PHASE_COMMIT, Protocol.TCC: TCC}[
            params.protocol
        ],
        "coordination": ORCHESTRATION if has_coordinator(params) else CHOREOGRAPHY,
        "isolation": isolation if saga else SEMANTIC_LOCK,
        "idempotent": params.idempotent_handlers or params.protocol is Protocol.TWO_PHASE_COMMIT,
        "steps": params.steps,
        "timeout_effect": params.timeout_effect_percent / 100,
        "retry_interval_s": params.retry_interval_s,
        "retry_max_attempts": params.retry_max_attempts,
        "retry_backoff_rate": params.retry_backoff_rate,
        "retry_max_delay_s": params.retry_max_delay_s,
        "full_jitter": params.retry_jitter is Jitter.FULL,
        "compensation_failure": params.compensation_failure_percent / 100,
        "compensation_refused": params.compensation_refused_percent / 100 if saga else 0.0,
        "compensation_max_attempts": params.compensation_max_attempts,
        "down_s": params.down_s,
        "durable": params.coordinator_log is CoordinatorLog.DURABLE,
        "event_delay_s": params.event_delay_ms / 1000,
        "event_duplicate": params.event_duplicate_percent / 100,
        "event_held_up": params.event_reordered_percent / 100,
        "sigma": float(np.log(params.p99_to_median) / NORMAL_P99),
        "step_timeout_s": params.step_timeout_s,
        "lock_timeout_s": params.lock_timeout_s,
        "median_s": by_step(params, "median_latency_ms") / 1000,
        "refused": by_step(params, "permanent_failure_percent") / 100,
        "failing": by_step(params, "transient_failure_percent") / 100,
        "unknown": by_step(params, "timeout_percent") / 100,
    }
    row = np.zeros(1, RULES)
    for name in RULES.names or ():
        row[name] = values[name]
    return row[0]


def by_step(params: SagaParams, name: str) -> NDArray[np.float64]:
    """One value per step: a list's own, one alone for all, the slider's beyond the list. Shape (MOST_STEPS,)."""
    listed: tuple[float, ...] = getattr(params, f"{name}_by_step").values
    if len(listed) == 1:
        return np.full(MOST_STEPS, listed[0])
    values = np.full(MOST_STEPS, getattr(params, name), dtype=np.float64)
    values[: len(listed)] = listed
    return values


def new_world(params: SagaParams, arrivals: np.random.Generator, items: np.random.Generator) -> World:
    """Everything as it is before the first order comes."""
    orders = np.zeros(params.orders, ORDER)
    orders["number"] = np.arange(params.orders)
    orders["arrival_s"] = np.cumsum(arrivals.standard_exponential(params.orders)) / params.arrival_rate_per_s
    orders["item"] = (items.random(params.orders) * params.items).astype(np.int64)
    shelf = np.zeros(params.items, ITEM)
    shelf["stock"] = shelf["free"] = params.stock_per_item
    totals = np.zeros(1, TOTALS)
    totals["up"] = 1
    return World(
        orders=orders,
        tasks=np.zeros(params.orders * params.steps, TASK),
        items=shelf,
        totals=totals[0],
        agenda=empty_agenda(params.orders + 4 * ROOM),
        log=np.zeros(params.orders * (3 * params.steps + 4) + 4 * ROOM, ENTRY),
    )


@njit(cache=True)
def play(rules: Rules, world: World, crash_event: int, after_logging: bool) -> bool:
    """Take the soonest thing off the agenda until there is none. False if log or agenda must grow first."""
    totals = world.totals
    while world.agenda[0]["item"] > 0:
        if not has_room(world):
            return False
        totals["now_s"] = next_at_s(world.agenda)
        what, order, step, direction, number, tries, verdict = taken_apart(pop(world.agenda))
        dies = totals["events"] == crash_event and what not in (CRASHES, RESUMES)
        totals["events"] += what not in (CRASHES, RESUMES)
        if dies and after_logging:
            totals["muted"] = 1
        elif dies:
            crash(rules, world)
        happen(rules, world, what, order, step, direction, number, tries, verdict)
        if dies and after_logging:
            totals["muted"] = 0
            crash(rules, world)
    return True


@njit(cache=True)
def has_room(world: World) -> bool:
    """Whether log and agenda have room for the soonest thing. A coordinator that comes back touches every order."""
    touches = world.orders.size if world.agenda[1]["item"] >> WHAT_AT == RESUMES else 4
    free = min(world.agenda.size - world.agenda[0]["item"], world.log.size - world.totals["logged"])
    return bool(free > touches * ROOM)


def with_more_room(world: World) -> World:
    """The same world with a log and an agenda of twice the size."""
    room = ROOM * (world.orders.size + 4)
    return world._replace(
        agenda=np.append(world.agenda, np.zeros(world.agenda.size + room, world.agenda.dtype)),
        log=np.append(world.log, np.zeros(world.log.size + room, world.log.dtype)),
    )


@njit(cache=True)
def happen(
    rules: Rules, world: World, what: int, order: int, step: int, direction: int, number: int, tries: int, verdict: int
) -> None:
    if what == ANSWERS:
        _answer(rules, world, order, step, direction, number, tries, verdict)
    elif what == WORKS:
        result = work(rules, world, order, step, direction, number, UNHEARD)
        note(world, order, result, step, direction, number, UNHEARD)
    elif what == SENDS:
        _send_again(rules, world, order, step, direction, number, tries)
    elif what == DELIVERS:
        choreography.delivered(rules, world, order, step, direction, number)
    elif what == ARRIVES:
        _arrive(rules, world, order)
    elif what == LOCK_TIMES_OUT:
        _lock_timeout(rules, world, order, number)
    elif what == CRASHES:
        crash(rules, world)
    else:
        _resume(rules, world)


@njit(cache=True)
def crash(rules: Rules, world: World) -> None:
    """The coordinator dies. Without a durable log it takes with it all it knew of the orders under way."""
    if not world.totals["up"]:
        return
    world.totals["up"] = 0
    note(world, NOBODY, CRASHED, WHOLE, FORWARD, NONE_YET, HEARD)
    push(world.agenda, world.totals["now_s"] + rules["down_s"], about(RESUMES, PAYMENT))
    if rules["durable"]:
        return
    for order in range(world.orders.size):
        row = world.orders[order]
        if row["status"] == RUNNING:
            row["status"] = FORGOTTEN
            row["ended_s"] = world.totals["now_s"]


@njit(cache=True)
def _resume(rules: Rules, world: World) -> None:
    """Take up the orders under way, then those that came while nobody was there."""
    world.totals["up"] = 1
    note(world, NOBODY, RESUMED, WHOLE, FORWARD, NONE_YET, HEARD)
    for order in range(world.orders.size):
        if world.orders[order]["status"] == RUNNING:
            if rules["protocol"] == SAGA:
                orchestration.resume(rules, world, order)
            else:
                two_phase.resume(rules, world, order)
    now_s = world.totals["now_s"]
    for order in range(world.orders.size):
        if world.orders[order]["status"] == COMING and world.orders[order]["arrival_s"] <= now_s:
            _start(rules, world, order)


@njit(cache=True)
def _arrive(rules: Rules, world: World, order: int) -> None:
    if order + 1 < world.orders.size:
        push(world.agenda, world.orders[order + 1]["arrival_s"], about(ARRIVES, order + 1))
    if world.totals["up"]:
        _start(rules, world, order)


@njit(cache=True)
def _start(rules: Rules, world: World, order: int) -> None:
    if rules["protocol"] != SAGA:
        two_phase.start(rules, world, order)
    elif rules["coordination"] == CHOREOGRAPHY:
        choreography.start(rules, world, order)
    else:
        orchestration.start(rules, world, order)


@njit(cache=True)
def _answer(
    rules: Rules, world: World, order: int, step: int, direction: int, number: int, tries: int, verdict: int
) -> None:
    """An attempt ends at its service, at the same moment for its caller if that still listens."""
    heard = _listens(rules, world, order, step, direction, number)
    result = verdict
    if verdict == DONE:
        result = work(rules, world, order, step, direction, number, HEARD)
    elif verdict == REFUSED and direction == FORWARD:
        result = refuse(rules, world, order, step)
    note(world, order, result, step, direction, number, HEARD if heard else UNHEARD)
    if heard and result != WAITS:
        _tell(rules, world, order, step, direction, number, tries, result)


@njit(cache=True)
def _listens(rules: Rules, world: World, order: int, step: int, direction: int, number: int) -> bool:
    if rules["coordination"] == CHOREOGRAPHY:
        return True
    return orchestration.listens(rules, world, order, step, direction, number)


@njit(cache=True)
def _tell(
    rules: Rules, world: World, order: int, step: int, direction: int, number: int, tries: int, result: int
) -> None:
    if rules["protocol"] != SAGA:
        two_phase.answered(rules, world, order, step, direction, number, result)
    elif rules["coordination"] == CHOREOGRAPHY:
        choreography.answered(rules, world, order, step, direction, number, tries, result)
    else:
        orchestration.answered(rules, world, order, step, direction, number, result)


@njit(cache=True)
def _send_again(rules: Rules, world: World, order: int, step: int, direction: int, number: int, tries: int) -> None:
    """The wait before a retry is over. Whoever waited may have gone on since: then nothing is sent."""
    if rules["coordination"] == CHOREOGRAPHY:
        choreography.try_step(rules, world, order, step, direction, tries)
    elif orchestration.listens(rules, world, order, step, direction, number):
        if rules["protocol"] == SAGA:
            orchestration.call(rules, world, order, step, direction, tries)
        else:
            two_phase.call(rules, world, order, step, direction, tries)


@njit(cache=True)
def _lock_timeout(rules: Rules, world: World, order: int, number: int) -> None:
    """An order that has waited too long for its item's row votes no."""
    row = world.orders[order]
    if row["locked"] != 1:
        return
    _, _, _, _, asked, _, _ = taken_apart(row["lock_event"])
    vote_no(world, order, world.tasks[order * rules["steps"] + INVENTORY])
    heard = _listens(rules, world, order, INVENTORY, FORWARD, asked)
    note(world, order, LOCK_TIMED_OUT, INVENTORY, FORWARD, asked, HEARD if heard else UNHEARD)
    if heard:
        two_phase.answered(rules, world, order, INVENTORY, FORWARD, asked, LOCK_TIMED_OUT)


@njit(cache=True)
def close_locks(world: World) -> None:
    """What is still locked when nothing moves any more has been locked until now."""
    for order in range(world.orders.size):
        row = world.orders[order]
        if row["locked"] == 2:
            row["lock_held_s"] += world.totals["now_s"] - row["locked_s"]
