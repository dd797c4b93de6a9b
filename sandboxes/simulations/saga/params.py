"""The knobs of the saga: how orders are coordinated, what fails, how it is retried, and what there is to sell."""

from __future__ import annotations

from typing import Any

from sandboxes.simulations.spec import Choice, Numbers, Params, knob, numbers

MOST_STEPS = 8


class Protocol(Choice):
    SAGA = "saga", "Saga"
    TWO_PHASE_COMMIT = "two_phase_commit", "Two-phase commit"
    TCC = "tcc", "Try-Confirm-Cancel"


class Coordination(Choice):
    ORCHESTRATION = "orchestration", "Orchestration: one coordinator"
    CHOREOGRAPHY = "choreography", "Choreography: events"


class Isolation(Choice):
    NONE = "none", "None"
    SEMANTIC_LOCK = "semantic_lock", "Semantic lock"
    PIVOT_ORDERING = "pivot_ordering", "Pivot ordering"


class CoordinatorLog(Choice):
    DURABLE = "durable", "Durable: resumes"
    LOST = "lost", "In memory: lost"


class Jitter(Choice):
    NONE = "none", "None"
    FULL = "full", "Full"


# The groups, in the order of the form.
PATTERN, FAILURES, RETRY, COMPENSATION = "Pattern", "What fails", "Retry", "Compensation"
COORDINATOR, EVENTS, TRAFFIC, DETAILS = "Coordinator", "Events", "Orders and stock", "Step details"

SAGA = {"protocol": (Protocol.SAGA,)}
TWO_PHASE_COMMIT = {"protocol": (Protocol.TWO_PHASE_COMMIT,)}
NOT_TWO_PHASE_COMMIT = {"protocol": (Protocol.SAGA, Protocol.TCC)}
CHOREOGRAPHY = {"protocol": (Protocol.SAGA,), "coordination": (Coordination.CHOREOGRAPHY,)}
# A choreography: nobody who could die, or forget.
NO_COORDINATOR = CHOREOGRAPHY
BY_STEP = "One value per step, in order; one value alone is for all, and steps beyond the list follow the slider."


def _by_step(label: str, group: str, unit: str, low: float, high: float) -> Any:
    return numbers("", label=label, group=group, unit=unit, low=low, high=high, most=MOST_STEPS, help=BY_STEP)


class SagaParams(Params):
    protocol: Protocol = knob(
        Protocol.SAGA,
        label="Protocol",
        group=PATTERN,
        help="How an order's steps are held together. The same orders meet the same luck under each of the three.",
    )
    coordination: Coordination = knob(
        Coordination.ORCHESTRATION,
        label="Coordination",
        group=PATTERN,
        shown_when=SAGA,
        help="Who knows what comes next: one coordinator with a log, or each service by the events of the others.",
    )
    isolation: Isolation = knob(
        Isolation.SEMANTIC_LOCK,
        label="Isolation",
        group=PATTERN,
        shown_when=SAGA,
        help="None trusts a stock count read earlier. A semantic lock keeps a unit aside for the order. Pivot ordering "
        "looks again and takes the unit in the confirm step, after which nothing is undone.",
    )
    idempotent_handlers: bool = knob(
        True,
        label="Idempotent handlers",
        group=PATTERN,
        shown_when=NOT_TWO_PHASE_COMMIT,
        help="A handler does an order's step once however often it is asked, and never after it was cancelled.",
    )
    steps: int = knob(
        4,
        label="Steps",
        group=PATTERN,
        low=3,
        high=MOST_STEPS,
        step=1,
        help="Reserve payment, reserve inventory, confirm, ship, then invoice, notify, award points, archive.",
    )
    order: int = knob(
        0,
        label="Order to look at",
        group=PATTERN,
        low=0,
        high=100_000,
        step=1,
        help="Whose sequence is drawn and replayed, counted by arrival from 1. 0 takes one with much to tell, a number "
        "beyond the last order takes the last.",
    )
    permanent_failure_percent: float = knob(
        2,
        label="Refused",
        group=FAILURES,
        unit="%",
        low=0,
        high=100,
        step=0.5,
        help="Share of attempts that a service refuses for good, such as a card that is declined. Not retried.",
    )
    permanent_failure_percent_by_step: Numbers = _by_step("Refused, by step", FAILURES, "%", 0, 100)
    transient_failure_percent: float = knob(
        5,
        label="Failing for now",
        group=FAILURES,
        unit="%",
        low=0,
        high=100,
        step=0.5,
        help="Share of attempts that fail without any effect, and that a retry may save.",
    )
    transient_failure_percent_by_step: Numbers = _by_step("Failing for now, by step", FAILURES, "%", 0, 100)
    timeout_percent: float = knob(
        2,
        label="Outcome unknown",
        group=FAILURES,
        unit="%",
        low=0,
        high=100,
        step=0.5,
        help="Share of attempts whose answer never comes: the caller times out and cannot know what happened.",
    )
    timeout_percent_by_step: Numbers = _by_step("Outcome unknown, by step", FAILURES, "%", 0, 100)
    timeout_effect_percent: float = knob(
        50,
        label="Done all the same",
        group=FAILURES,
        unit="%",
        low=0,
        high=100,
        step=5,
        help="Of the attempts whose answer never comes, the share that did their work: only the answer was lost.",
    )
    retry_interval_s: float = knob(
        1,
        label="Interval",
        group=RETRY,
        unit="s",
        low=0.1,
        high=30,
        step=0.1,
        help="Wait before the first retry. IntervalSeconds of Step Functions, whose default is 1.",
    )
    retry_max_attempts: int = knob(
        3,
        label="Retries",
        group=RETRY,
        low=0,
        high=10,
        step=1,
        help="Retries after the first attempt; 0 for none. MaxAttempts of Step Functions, whose default is 3. What "
        "must be heard in the end, such as a commit, is asked up to 50 times, the later ones a minute apart at most.",
    )
    retry_backoff_rate: float = knob(
        2,
        label="Backoff rate",
        group=RETRY,
        unit="×",
        low=1,
        high=5,
        step=0.1,
        help="Each wait is this many times the one before. BackoffRate of Step Functions, whose default is 2.0.",
    )
    retry_max_delay_s: float = knob(
        0,
        label="Longest wait",
        group=RETRY,
        unit="s",
        low=0,
        high=300,
        step=1,
        help="No wait is longer than this; 0 sets no limit. MaxDelaySeconds of Step Functions, which has no default.",
    )
    retry_jitter: Jitter = knob(
        Jitter.NONE,
        label="Jitter",
        group=RETRY,
        help="Full waits a random time from 0 to the computed wait. JitterStrategy of Step Functions; default is none.",
    )
    compensation_failure_percent: float = knob(
        5,
        label="Failing for now",
        group=COMPENSATION,
        unit="%",
        low=0,
        high=100,
        step=0.5,
        help="Share of attempts to undo a step (compensate, cancel, abort) that fail without effect. A commit or "
        "confirm is none of them: it fails for now as often as the step does.",
    )
    compensation_refused_percent: float = knob(
        0,
        label="Cannot be undone",
        group=COMPENSATION,
        unit="%",
        low=0,
        high=100,
        step=0.5,
        shown_when=SAGA,
        help="Share of compensations that are impossible, such as a parcel that has left. A person must decide.",
    )
    compensation_max_attempts: int = knob(
        6,
        label="Retries",
        group=COMPENSATION,
        low=0,
        high=10,
        step=1,
        shown_when=SAGA,
        help="Retries of a compensation, with the waits above. After the last one the order lands with a person.",
    )
    crashes: int = knob(
        0,
        label="Crashes",
        group=COORDINATOR,
        low=0,
        high=10,
        step=1,
        hidden_when=NO_COORDINATOR,
        help="How often the coordinator dies, at even distances while orders come; up for a quarter of its downtime in "
        "between at least, so long downtimes move the last crashes beyond the last order.",
    )
    down_s: float = knob(
        10,
        label="Down for",
        group=COORDINATOR,
        unit="s",
        low=1,
        high=120,
        step=1,
        hidden_when=NO_COORDINATOR,
        help="How long it stays dead. Answers that come meanwhile are lost; new orders wait.",
    )
    coordinator_log: CoordinatorLog = knob(
        CoordinatorLog.DURABLE,
        label="Its log",
        group=COORDINATOR,
        hidden_when=NO_COORDINATOR,
        help="With a durable log it takes up a saga where it was; two-phase commit and Try-Confirm-Cancel carry out "
        "what was decided and abort the rest. Without one it has forgotten the orders under way.",
    )
    event_delay_ms: float = knob(
        50,
        label="Delay",
        group=EVENTS,
        unit="ms",
        low=0,
        high=5000,
        step=10,
        shown_when=CHOREOGRAPHY,
        help="Mean time from publishing an event to its delivery; exponentially distributed.",
    )
    event_duplicate_percent: float = knob(
        2,
        label="Duplicates",
        group=EVENTS,
        unit="%",
        low=0,
        high=30,
        step=0.5,
        shown_when=CHOREOGRAPHY,
        help="Share of events that are delivered twice, each copy with a delay of its own.",
    )
    event_reordered_percent: float = knob(
        2,
        label="Out of order",
        group=EVENTS,
        unit="%",
        low=0,
        high=100,
        step=0.5,
        shown_when=CHOREOGRAPHY,
        help="Share of deliveries held up by a hundred mean delays more, so that later events overtake them.",
    )
    orders: int = knob(
        3000,
        label="Orders",
        group=TRAFFIC,
        low=1,
        high=100_000,
        step=100,
        help="How many orders come. The run goes on until nothing moves any more.",
    )
    arrival_rate_per_s: float = knob(
        50,
        label="Arrivals",
        group=TRAFFIC,
        unit="/s",
        low=0.1,
        high=1000,
        step=1,
        help="Orders per second on average. They come at random moments, whatever became of earlier ones.",
    )
    items: int = knob(
        50,
        label="Items",
        group=TRAFFIC,
        low=1,
        high=10_000,
        step=1,
        help="How many things there are to buy. Each order wants one unit of one of them, all equally popular.",
    )
    stock_per_item: int = knob(
        50,
        label="Stock",
        group=TRAFFIC,
        unit="units",
        low=0,
        high=100_000,
        step=1,
        help="Units of each item at the start. Nothing is restocked, except by undoing.",
    )
    price_eur: float = knob(
        40,
        label="Price",
        group=TRAFFIC,
        unit="€",
        low=1,
        high=1000,
        step=1,
        help="What every order costs.",
    )
    median_latency_ms: float = knob(
        100,
        label="Median latency",
        group=DETAILS,
        unit="ms",
        low=1,
        high=10_000,
        step=10,
        help="Half of the attempts at a step take less than this.",
    )
    median_latency_ms_by_step: Numbers = _by_step("Median latency, by step", DETAILS, "ms", 1, 10_000)
    p99_to_median: float = knob(
        5,
        label="p99 over median",
        group=DETAILS,
        unit="×",
        low=1,
        high=50,
        step=0.5,
        help="One attempt in a hundred takes longer than this many times the median.",
    )
    step_timeout_s: float = knob(
        2,
        label="Step timeout",
        group=DETAILS,
        unit="s",
        low=0.1,
        high=60,
        step=0.1,
        help="How long a caller waits for an answer. A handler that is slower still does its work, unseen.",
    )
    lock_timeout_s: float = knob(
        5,
        label="Lock timeout",
        group=DETAILS,
        unit="s",
        low=0.1,
        high=600,
        step=0.1,
        shown_when=TWO_PHASE_COMMIT,
        help="How long a transaction waits for the lock on an item's stock before it votes no.",
    )
