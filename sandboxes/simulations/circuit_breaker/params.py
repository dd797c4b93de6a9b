"""The knobs of the circuit breaker: its rules, the dependency's script, callers and their pool, and what is shared."""

from __future__ import annotations

from sandboxes.simulations.circuit_breaker.breaker_params import ANY_BREAKER, BreakerParams, Kind
from sandboxes.simulations.spec import Choice, knob

__all__ = ["Kind"]


class Fallback(Choice):
    NONE = "none", "An error"
    SUBSTITUTE = "substitute", "A substitute answer"


class Pool(Choice):
    UNLIMITED = "unlimited", "Without limit"
    LIMITED = "limited", "A fixed number"


class Retries(Choice):
    NONE = "none", "Give up"
    BACKOFF = "backoff", "Try again later"


class Jitter(Choice):
    NONE = "none", "None"
    FULL = "full", "Full"


class Capacity(Choice):
    UNLIMITED = "unlimited", "Unlimited"
    LIMITED = "limited", "Servers and a queue"


class Neighbour(Choice):
    NONE = "none", "No"
    SHARES_POOL = "shares_pool", "Yes, they share the pool"


class StateKept(Choice):
    LOCAL = "local", "In each instance"
    SHARED = "shared", "In a shared store"


class StoreWrites(Choice):
    OVERWRITE = "overwrite", "Whatever was written since"
    CONDITIONAL = "conditional", "Only if nothing was written since"


class StoreGone(Choice):
    CLOSED = "closed", "Let calls through"
    OPEN = "open", "Refuse calls"


class ServiceTime(Choice):
    LOGNORMAL = "lognormal", "Lognormal"
    EXPONENTIAL = "exponential", "Exponential"


# The groups, in the order of the form, after the breaker's own.
SCRIPT, TRAFFIC = "Dependency script", "Traffic"
POOL, RETRIES, NEIGHBOUR = "Callers' pool", "Retries", "Neighbour"
CAPACITY, SHARING, DETAILS = "Dependency's capacity", "Instances and shared state", "Dependency details"
# What a first run needs nothing of.
FOLDED = (POOL, NEIGHBOUR, RETRIES, CAPACITY, SHARING, DETAILS)

POOL_LIMITED = {"pool": (Pool.LIMITED,)}
WITH_RETRIES = {"retries": (Retries.BACKOFF,)}
CAPACITY_LIMITED = {"dependency_capacity": (Capacity.LIMITED,)}
SHARED = {**ANY_BREAKER, "state_kept": (StateKept.SHARED,)}


class CircuitBreakerParams(BreakerParams):
    healthy_s: float = knob(
        20,
        label="Healthy for",
        group=SCRIPT,
        unit="s",
        low=1,
        high=300,
        step=1,
        help="Answers come in good time, all but a few of them right.",
    )
    slow_s: float = knob(
        0,
        label="Then slow for",
        group=SCRIPT,
        unit="s",
        low=0,
        high=300,
        step=1,
        help="Answers come, but late, as Slow factor says. 0 leaves this phase out.",
    )
    failing_s: float = knob(
        0,
        label="Then failing for",
        group=SCRIPT,
        unit="s",
        low=0,
        high=300,
        step=1,
        help="Answers come in good time, but many are errors. 0 leaves this phase out.",
    )
    dead_s: float = knob(
        35,
        label="Then dead for",
        group=SCRIPT,
        unit="s",
        low=0,
        high=300,
        step=1,
        help="No answers come, so every call lasts until its timeout. 0 leaves this phase out.",
    )
    recovered_s: float = knob(
        25,
        label="Then recovered for",
        group=SCRIPT,
        unit="s",
        low=0,
        high=300,
        step=1,
        help="Healthy again until the run ends. 0 leaves this phase out.",
    )
    arrival_rate_per_s: float = knob(
        200,
        label="Arrivals",
        group=TRAFFIC,
        unit="req/s",
        low=1,
        high=2000,
        step=1,
        help="Requests per second on average. They come at random moments, whatever became of earlier ones.",
    )
    call_timeout_s: float = knob(
        2,
        label="Call timeout",
        group=TRAFFIC,
        unit="s",
        low=0.05,
        high=30,
        step=0.05,
        help="How long a caller waits for an answer. After that the call has failed.",
    )
    fallback: Fallback = knob(
        Fallback.NONE,
        label="Refused or failed, one gets",
        group=TRAFFIC,
        help="A substitute (a cached value, a default) counts as available; only the dependency's answers are goodput.",
    )
    pool: Pool = knob(
        Pool.UNLIMITED,
        label="Threads",
        group=POOL,
        help="A request holds a thread from its first call to its end, waits included. Without limit none lacks one.",
    )
    pool_size: int = knob(
        200,
        label="Threads per instance",
        group=POOL,
        low=1,
        high=5000,
        step=1,
        shown_when=POOL_LIMITED,
        help="How many requests one instance can have in progress, to this dependency and the neighbour together.",
    )
    pool_wait_s: float = knob(
        0.5,
        label="Longest wait for a thread",
        group=POOL,
        unit="s",
        low=0,
        high=30,
        step=0.1,
        shown_when=POOL_LIMITED,
        help="When the pool is full, requests wait in line this long, first come first served, and then fail.",
    )
    neighbour: Neighbour = knob(
        Neighbour.NONE,
        label="Also calls a healthy neighbour",
        group=NEIGHBOUR,
        shown_when=POOL_LIMITED,
        help="Other requests need only a second dependency, which is always well. What they lack is a thread.",
    )
    neighbour_rate_per_s: float = knob(
        100,
        label="Neighbour's arrivals",
        group=NEIGHBOUR,
        unit="req/s",
        low=1,
        high=2000,
        step=1,
        shown_when={**POOL_LIMITED, "neighbour": (Neighbour.SHARES_POOL,)},
        help="Requests per second on average that need the neighbour alone.",
    )
    neighbour_median_ms: float = knob(
        20,
        label="Neighbour's median latency",
        group=NEIGHBOUR,
        unit="ms",
        low=1,
        high=2000,
        step=1,
        shown_when={**POOL_LIMITED, "neighbour": (Neighbour.SHARES_POOL,)},
        help="Half of the calls to the neighbour take less than this; they spread as those of the dependency do.",
    )
    retries: Retries = knob(
        Retries.NONE,
        label="After a failed call",
        group=RETRIES,
        help="Errors and timeouts are tried again. A refusal by the breaker never is: it ends the request.",
    )
    max_attempts: int = knob(
        3,
        label="Calls at most",
        group=RETRIES,
        low=2,
        high=10,
        step=1,
        shown_when=WITH_RETRIES,
        help="How many calls one request makes at most, the first included. AWS SDKs make 3 in standard mode.",
    )
    retry_base_ms: float = knob(
        100,
        label="First backoff",
        group=RETRIES,
        unit="ms",
        low=1,
        high=10_000,
        step=1,
        shown_when=WITH_RETRIES,
        help="The wait before the second call. The thread is held meanwhile.",
    )
    retry_backoff_rate: float = knob(
        2,
        label="Backoff grows by",
        group=RETRIES,
        unit="×",
        low=1,
        high=10,
        step=0.5,
        shown_when=WITH_RETRIES,
        help="Each further wait is this many times the one before, and 20 s at most.",
    )
    retry_jitter: Jitter = knob(
        Jitter.FULL,
        label="Jitter",
        group=RETRIES,
        shown_when=WITH_RETRIES,
        help="Full: the wait is drawn between nothing and the backoff, so that callers do not come back together.",
    )
    dependency_capacity: Capacity = knob(
        Capacity.UNLIMITED,
        label="Capacity",
        group=CAPACITY,
        help="With servers and a queue it can be overloaded, and it works on calls whose callers gave up long ago.",
    )
    servers: int = knob(
        16,
        label="Servers",
        group=CAPACITY,
        low=1,
        high=1000,
        step=1,
        shown_when=CAPACITY_LIMITED,
        help="How many calls it works on at once, each for its latency as set below; a wait in the queue comes on top.",
    )
    queue_size: int = knob(
        1000,
        label="Queue",
        group=CAPACITY,
        unit="calls",
        low=0,
        high=20_000,
        step=1,
        shown_when=CAPACITY_LIMITED,
        help="How many calls may wait for a server. Any more get an error at once, or silence if it is dead.",
    )
    instances: int = knob(
        1,
        label="Instances",
        group=SHARING,
        low=1,
        high=100,
        step=1,
        help="How many copies of the caller there are. Each request goes to one of them at random.",
    )
    state_kept: StateKept = knob(
        StateKept.LOCAL,
        label="The breaker's state is kept",
        group=SHARING,
        shown_when=ANY_BREAKER,
        help="Local breakers learn each for itself. A shared one is read before each call and written after it.",
    )
    store_writes: StoreWrites = knob(
        StoreWrites.OVERWRITE,
        label="A write succeeds",
        group=SHARING,
        shown_when=SHARED,
        help="Read, change, write back: that loses what others wrote in between. A conditional write starts again.",
    )
    store_latency_ms: float = knob(
        2,
        label="A read or write takes",
        group=SHARING,
        unit="ms",
        low=0.1,
        high=100,
        step=0.1,
        shown_when=SHARED,
        help="Every call waits for one read. The result is written after the caller has its answer.",
    )
    store_error_percent: float = knob(
        0,
        label="Store errors",
        group=SHARING,
        unit="%",
        low=0,
        high=100,
        step=0.1,
        shown_when=SHARED,
        help="The share of reads and writes that get no answer, at any time.",
    )
    store_down_from_s: float = knob(
        0,
        label="Store is down from",
        group=SHARING,
        unit="s",
        low=0,
        high=1500,
        step=1,
        shown_when=SHARED,
        help="When the store's own outage begins, in seconds from the start of the run.",
    )
    store_down_s: float = knob(
        0,
        label="Store is down for",
        group=SHARING,
        unit="s",
        low=0,
        high=1500,
        step=1,
        shown_when=SHARED,
        help="While it is down no read or write gets an answer. 0 leaves the outage out.",
    )
    store_timeout_ms: float = knob(
        50,
        label="Store timeout",
        group=SHARING,
        unit="ms",
        low=1,
        high=5000,
        step=1,
        shown_when=SHARED,
        help="How long to wait for the store before it counts as gone. Every call waits this long while it is down.",
    )
    when_store_is_gone: StoreGone = knob(
        StoreGone.CLOSED,
        label="When the store is gone",
        group=SHARING,
        shown_when=SHARED,
        help="Let calls through, as a closed breaker does, or refuse them: then the store's outage is everybody's.",
    )
    service_time: ServiceTime = knob(
        ServiceTime.LOGNORMAL,
        label="Latencies are",
        group=DETAILS,
        help="Lognormal, as measured ones tend to be, or exponential, as the formulas of queueing theory want them.",
    )
    healthy_median_ms: float = knob(
        40,
        label="Median latency",
        group=DETAILS,
        unit="ms",
        low=1,
        high=2000,
        step=1,
        help="Half of the calls to a healthy dependency take less than this.",
    )
    healthy_p99_to_median: float = knob(
        4,
        label="p99 over median",
        group=DETAILS,
        unit="×",
        low=1,
        high=50,
        step=0.5,
        shown_when={"service_time": (ServiceTime.LOGNORMAL,)},
        help="One call in a hundred takes longer than this many times the median.",
    )
    background_error_percent: float = knob(
        0.5,
        label="Background errors",
        group=DETAILS,
        unit="%",
        low=0,
        high=100,
        step=0.1,
        help="The share of calls that fail by chance, in every phase but the failing one.",
    )
    slow_factor: float = knob(
        30,
        label="Slow factor",
        group=DETAILS,
        unit="×",
        low=1,
        high=200,
        step=1,
        help="In the slow phase every call takes this many times as long.",
    )
    failing_error_percent: float = knob(
        60,
        label="Errors when failing",
        group=DETAILS,
        unit="%",
        low=0,
        high=100,
        step=1,
        help="The share of calls that fail in the failing phase.",
    )
