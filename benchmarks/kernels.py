"""The kernel of the circuit breaker: against SimPy, against C, up to five million requests, and as often as a sweep."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks import simpy_circuit_breaker
from benchmarks.c import circuit_breaker as in_c
from sandboxes.simulations.circuit_breaker import model, start
from sandboxes.simulations.circuit_breaker.breaker import Rules
from sandboxes.simulations.circuit_breaker.declaration import CIRCUIT_BREAKER
from sandboxes.simulations.circuit_breaker.dependency import service_time_s
from sandboxes.simulations.circuit_breaker.draws import uniform
from sandboxes.simulations.circuit_breaker.params import CircuitBreakerParams
from sandboxes.simulations.circuit_breaker.world import Run

SEED = 1
SWEPT_RUNS = 100

# How long after the run's end the last request may end: ten calls of 30 s with waits of 20 s between them.
LONGEST_AFTER_S = 600
NOBODY = (np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0, np.int32), (0, 0, 0, 0))
EVERYTHING = {
    "pool": "limited",
    "pool_size": 20,
    "neighbour": "shares_pool",
    "retries": "backoff",
    "dependency_capacity": "limited",
    "instances": 20,
    "state_kept": "shared",
    "store_latency_ms": 2,
    "store_down_from_s": 65,
    "store_down_s": 5,
}

T = TypeVar("T")


def bench() -> None:
    bench_simpy()
    bench_c()
    bench_size()
    bench_swept_run()


def bench_simpy() -> None:
    """Loop against loop, on numbers that are drawn already; then the kernel's whole run, drawing included."""
    for name, values in (("defaults", {}), ("everything turned on", EVERYTHING)):
        over_simpy(name, CIRCUIT_BREAKER.parse(values))


def over_simpy(name: str, params: CircuitBreakerParams) -> None:
    come = drawn(params)
    simpy_s, theirs = best_s(lambda: with_simpy(params, come), laps=3)
    assert_same(params, played(params), theirs)
    loop_s = min(loop_lap_s(params) for _ in range(50))
    row(f"SimPy's time over the kernel's, loop alone, {name}", simpy_s / loop_s, "x", at_least=100)
    run_s, _ = best_s(lambda: model.run(params, SEED), laps=15)
    row(f"SimPy's time over the kernel's whole run, {name}", simpy_s / run_s, "x")


def bench_c() -> None:
    """The loop alone, in both. Also where the kernel is furthest from C: nearly every request is refused."""
    with_compiler = in_c.compiler()
    if with_compiler is None:
        print("the kernel's time over C's: not measured, for this machine has no C compiler", flush=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        advance = in_c.compiled(with_compiler, Path(folder))
        for name, values in (("defaults", {}), ("everything turned on", EVERYTHING)):
            ratio = over_c(advance, CIRCUIT_BREAKER.parse(values))
            row(f"the kernel's time over C's (-O2), {name}", ratio, "x", at_most=2)
        for scenario in CIRCUIT_BREAKER.scenarios:
            ratio = over_c(advance, CIRCUIT_BREAKER.parse(scenario.params))
            row(f"the kernel's time over C's (-O2), {scenario.slug}", ratio, "x")


def bench_size() -> None:
    """Time and memory of run and metrics, for each request, in processes of their own."""
    seconds, memory = {}, {}
    for asked in (50_000, 500_000, 5_000_000):
        run_s, highest_bytes, requests = of_size(asked)
        seconds[asked], memory[asked] = run_s / requests, highest_bytes / requests
        row(f"{requests:,.0f} requests: processor time of one", seconds[asked] * 1e9, "ns")
        row(f"{requests:,.0f} requests: memory of one", memory[asked], "bytes")
    row("time of one in 5 million over one in 500,000", seconds[5_000_000] / seconds[500_000], "x", at_most=1.3)
    row("memory of one in 5 million over one in 500,000", memory[5_000_000] / memory[500_000], "x", at_most=1.3)


def bench_swept_run() -> None:
    """One run of 20,000 requests as a sweep makes it: other parameters each time, from their names to the metrics.

    50 x 50 of them in 15 s on two cores leave 12 ms of a processor to each.
    """
    CIRCUIT_BREAKER.measure(CIRCUIT_BREAKER.run(CIRCUIT_BREAKER.parse({}), SEED))  # compiles
    started = time.process_time()
    for number in range(SWEPT_RUNS):
        values = {"arrival_rate_per_s": 250, "wait_duration_in_open_state_s": 1 + number / 5}
        CIRCUIT_BREAKER.measure(CIRCUIT_BREAKER.run(CIRCUIT_BREAKER.parse(values), SEED))
    spent_s = time.process_time() - started
    row("one run of a sweep, 20,000 requests: processor time", spent_s / SWEPT_RUNS * 1000, "ms", at_most=12)


def started(params: CircuitBreakerParams) -> tuple[Rules, Run]:
    """What `model.run` gives the loop."""
    rule = start.rules(params)
    return rule, start.started(params, rule, start.traffic(params, SEED))


def played(params: CircuitBreakerParams) -> Run:
    rule, going = started(params)
    return start.play_until(rule, going, np.inf)


def loop_lap_s(params: CircuitBreakerParams, theirs: in_c.Advance | None = None) -> float:
    """Seconds of the loop alone, the kernel's or C's, on a run that is ready to go."""
    rule, going = started(params)
    began_s = time.perf_counter()
    if theirs is None:
        start.play_until(rule, going, np.inf)
    else:
        while not theirs(rule, going, np.inf):
            going = start.with_more_room(going)
    return time.perf_counter() - began_s


def drawn(params: CircuitBreakerParams) -> simpy_circuit_breaker.Inputs:
    """The same traffic as lists, with the draws of every attempt that a request may make."""
    _, going = started(params)
    world, come = going.world, start.traffic(params, SEED)
    further = range(2, int(world.max_attempts) + 1)
    service_s = [[service_s] for service_s in come.service_s.tolist()]
    chance = [[chance] for chance in come.chance.tolist()]
    jitter = [[uniform(world.jitter_key, number, attempt) for attempt in further] for number in range(come.requests)]
    for number in range(come.requests):
        service_s[number] += [service_time_s(world, number, attempt) for attempt in further]
        chance[number] += [uniform(world.error_key, number, attempt) for attempt in further]
    # The jitter of attempt k is the wait after it.
    return simpy_circuit_breaker.Inputs(
        come.requests,
        come.arrival_s.tolist(),
        service_s,
        chance,
        [[uniform(world.jitter_key, number, 1), *waits] for number, waits in enumerate(jitter)],
        come.instance.tolist(),
    )


def with_simpy(params: CircuitBreakerParams, come: simpy_circuit_breaker.Inputs) -> simpy_circuit_breaker.Outcomes:
    rule = start.rules(params)
    settings = start.started(params, rule, start.Traffic(0, *NOBODY)).world
    settings.requests = come.requests
    until_s = float(settings.end_s) + LONGEST_AFTER_S
    return simpy_circuit_breaker.play(rule, settings, come, params.instances, until_s)


def over_c(advance: in_c.Advance, params: CircuitBreakerParams) -> float:
    """The kernel's time over C's; what they leave must be the same, bit for bit."""
    ours, theirs = played(params), played_in_c(advance, params)
    np.testing.assert_equal(ours.world.tobytes(), theirs.world.tobytes())
    np.testing.assert_equal(ours.requests.tobytes(), theirs.requests.tobytes())
    changes = ours.world.changes
    np.testing.assert_equal(ours.changes[:changes].tobytes(), theirs.changes[:changes].tobytes())
    # In turn, so that whatever else the machine does meets both.
    laps_s = [(loop_lap_s(params), loop_lap_s(params, advance)) for _ in range(25)]
    return min(ours_s for ours_s, _ in laps_s) / min(theirs_s for _, theirs_s in laps_s)


def played_in_c(advance: in_c.Advance, params: CircuitBreakerParams) -> Run:
    rule, going = started(params)
    while not advance(rule, going, np.inf):
        going = start.with_more_room(going)
    return going


def of_size(requests: int) -> tuple[float, float, float]:
    """Seconds, bytes and requests of a run in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.linear", str(requests)], check=True, capture_output=True, text=True
    )
    run_s, highest_bytes, asked = map(float, done.stdout.split())
    return run_s, highest_bytes, asked


def assert_same(params: CircuitBreakerParams, ours: Run, theirs: simpy_circuit_breaker.Outcomes) -> None:
    """The same ends, calls and changes of state; moments within a nanosecond."""
    come = start.traffic(params, SEED)
    parts = [ours.requests[here] for here, _ in start.ours_and_theirs(come)]
    np.testing.assert_array_equal(np.concatenate([part.outcome for part in parts]), theirs.outcome)
    np.testing.assert_array_equal(parts[0].attempts, theirs.calls[: come.requests])
    latency_s = np.concatenate([part.latency_s for part in parts])
    np.testing.assert_allclose(latency_s, theirs.latency_s, rtol=0, atol=1e-9)
    changes = ours.changes[: ours.world.changes]
    for number, known in enumerate(theirs.changes):
        own = changes[changes.breaker == number]
        np.testing.assert_array_equal(own.state, [state for _, state in known[1:]])
        np.testing.assert_allclose(own.at_s, [at_s for at_s, _ in known[1:]], rtol=0, atol=1e-9)
    np.testing.assert_equal(int(ours.world.lost_updates), theirs.lost_updates)


def best_s(measured: Callable[[], T], laps: int = 1) -> tuple[float, T]:
    """The least seconds of several calls, and what the last one returned."""
    seconds = []
    for _ in range(laps):
        started = time.perf_counter()
        result = measured()
        seconds.append(time.perf_counter() - started)
    return min(seconds), result


def row(what: str, value: float, unit: str, at_least: float | None = None, at_most: float | None = None) -> None:
    target = ""
    if at_least is not None:
        target = f"at least {at_least:g} {unit}: {'reached' if value >= at_least else 'MISSED'}"
    elif at_most is not None:
        target = f"at most {at_most:g} {unit}: {'reached' if value <= at_most else 'MISSED'}"
    print(f"{what:<66}{value:>10.2f} {unit:<6}{target}".rstrip(), flush=True)


if __name__ == "__main__":
    bench()
