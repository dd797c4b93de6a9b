"""The kernel of the circuit breaker: against SimPy, against C, up to five million requests, and as often as a sweep."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks import simpy_circuit_breaker
from benchmarks.c import circuit_breaker as in_c
from sandboxes.simulations.catalogue import CIRCUIT_BREAKER
from sandboxes.simulations.circuit_breaker import model
from sandboxes.simulations.circuit_breaker.breaker import Rules, closed_breaker
from sandboxes.simulations.circuit_breaker.params import CircuitBreakerParams
from sandboxes.simulations.streams import streams

SEED = 1
SWEPT_RUNS = 100

T = TypeVar("T")
Calls = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], float]
Played = tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64]]


def bench() -> None:
    bench_simpy()
    bench_c()
    bench_size()
    bench_swept_run()


def bench_simpy() -> None:
    """The kernel's whole run, random numbers included, against SimPy's loop on numbers that are drawn already."""
    params = CIRCUIT_BREAKER.parse({})
    rules, calls = inputs(params)
    simpy_s, (permitted, changes) = best_s(lambda: with_simpy(rules, calls), laps=3)
    run_s, _ = best_s(lambda: model.run(params, SEED), laps=15)
    assert_same(played(rules, calls), permitted, changes)
    row("SimPy's time over the kernel's, same outcomes", simpy_s / run_s, "x", at_least=100)


def bench_c() -> None:
    """The loop alone, in both. Also where the kernel is furthest from C: nearly every request is refused."""
    with_compiler = in_c.compiler()
    if with_compiler is None:
        print("the kernel's time over C's: not measured, for this machine has no C compiler", flush=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        play = in_c.compiled(with_compiler, Path(folder))
        row("the kernel's time over C's (-O2), defaults", over_c(play, {}), "x", at_most=2)
        for scenario in CIRCUIT_BREAKER.scenarios:
            row(f"the kernel's time over C's (-O2), {scenario.slug}", over_c(play, scenario.params), "x")


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


def inputs(params: CircuitBreakerParams) -> tuple[Rules, Calls]:
    """What `model.run` gives the loop: the rules, and (arrival_s, duration_s, failed, end_s), arrays of shape (n,)."""
    arrivals, service, errors = streams(SEED, "arrivals", "service", "errors")
    phases = model.script(params)
    arrival_s = model.poisson_arrivals(arrivals, params.arrival_rate_per_s, phases[-1].end_s)
    normal, uniform = service.standard_normal(arrival_s.size), errors.random(arrival_s.size)
    duration_s, failed = model.answers(params, phases, arrival_s, normal, uniform)
    return model.rules(params), (arrival_s, duration_s, failed, phases[-1].end_s)


def played(rules: Rules, calls: Calls) -> Played:
    """The kernel's loop with a fresh breaker."""
    result: Played = model.play(rules, closed_breaker(rules), *calls)
    return result


def with_simpy(rules: Rules, calls: Calls) -> tuple[list[bool], list[tuple[float, int]]]:
    arrival_s, duration_s, failed, end_s = calls
    return simpy_circuit_breaker.play(rules, arrival_s.tolist(), duration_s.tolist(), failed.tolist(), end_s)


def over_c(play: in_c.Play, values: Any) -> float:
    """The kernel's time over C's; their outcomes must be the same, bit for bit."""
    rules, calls = inputs(CIRCUIT_BREAKER.parse(values))
    for ours, theirs in zip(played(rules, calls), play(rules, *calls), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    # In turn, so that whatever else the machine does meets both.
    laps_s = [(best_s(lambda: played(rules, calls))[0], best_s(lambda: play(rules, *calls))[0]) for _ in range(25)]
    return min(ours_s for ours_s, _ in laps_s) / min(theirs_s for _, theirs_s in laps_s)


def of_size(requests: int) -> tuple[float, float, float]:
    """Seconds, bytes and requests of a run in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.linear", str(requests)], check=True, capture_output=True, text=True
    )
    run_s, highest_bytes, asked = map(float, done.stdout.split())
    return run_s, highest_bytes, asked


def assert_same(expected: Played, permitted: list[bool], changes: list[tuple[float, int]]) -> None:
    """The same calls let through and the same changes of state, their moments within a nanosecond."""
    np.testing.assert_array_equal(expected[0], permitted)
    np.testing.assert_array_equal(expected[2], [state for _, state in changes])
    np.testing.assert_allclose(expected[1], [at_s for at_s, _ in changes], rtol=0, atol=1e-9)


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
    print(f"{what:<58}{value:>10.2f} {unit:<6}{target}".rstrip(), flush=True)


if __name__ == "__main__":
    bench()
