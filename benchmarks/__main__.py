"""`make bench`: the table of benchmarks, in one run on one machine."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import browser, exams, hashing, kernels, mastery, server, sweeps
from sandboxes.simulations import catalogue
from tests import house

LOADED_FOR_S = 5
CLIENTS = 4
RUNS = 15


def main() -> None:
    print(f"{'what':<52}{'value':>14}{'ratio':>10}", flush=True)
    for simulation in catalogue.CATALOGUE:
        bench_kernel(simulation.slug)
    kernels.bench()
    hashing.bench()
    with tempfile.TemporaryDirectory() as folder:
        running = house.start(Path(folder) / "var", Path(folder) / "log", LOG_LEVEL="WARNING")
        try:
            running.wait_until_ready()
            for simulation in catalogue.CATALOGUE:
                bench_run(running.url, simulation.slug)
            bench_pages(running.url)
            for simulation in catalogue.CATALOGUE:
                browser.bench(running.url, simulation.slug)
                server.bench(running.url, simulation.slug)
        finally:
            running.stop()
    exams.bench()
    sweeps.bench()
    mastery.bench()


def bench_kernel(slug: str) -> None:
    """The compiled kernel against the same code as plain Python."""
    compiled_s, requests = kernel(slug)
    plain_s, _ = kernel(slug, NUMBA_DISABLE_JIT="1")
    row(f"{slug}: {requests:,.0f} requests, plain Python", f"{plain_s * 1000:.1f} ms", 1.0)
    row(f"{slug}: {requests:,.0f} requests, compiled", f"{compiled_s * 1000:.1f} ms", plain_s / compiled_s)


def bench_run(url: str, slug: str) -> None:
    """A page with a run that a worker computes, against the same page with the run in Redis."""
    addresses = [f"{url}/sandboxes/{slug}/?seed={seed}" for seed in range(10_000, 10_000 + RUNS)]
    computed_s = statistics.median(fetch_s(address) for address in addresses)
    kept_s = statistics.median(fetch_s(address) for address in addresses)
    row(f"{slug}: page, computed by a worker (median)", f"{computed_s * 1000:.0f} ms", 1.0)
    row(f"{slug}: page, kept in Redis (median)", f"{kept_s * 1000:.0f} ms", computed_s / kept_s)


def bench_pages(url: str) -> None:
    """Answers per second with a few clients: the web server alone, and with a page from the database."""
    alone = per_second(f"{url}/healthz")
    page = per_second(f"{url}/patterns/")
    row(f"/healthz, {CLIENTS} clients", f"{alone:,.0f} per s", 1.0)
    row(f"/patterns/, {CLIENTS} clients", f"{page:,.0f} per s", page / alone)


def kernel(slug: str, **variables: str) -> tuple[float, float]:
    """Seconds of one run, and its number of requests."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.kernel", slug],
        env={**os.environ, **variables},
        cwd=house.ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    run_s, requests = done.stdout.split()
    return float(run_s), float(requests)


def per_second(url: str) -> float:
    deadline = time.monotonic() + LOADED_FOR_S

    def client(_: int) -> int:
        answers = 0
        while time.monotonic() < deadline:
            fetch_s(url)
            answers += 1
        return answers

    with ThreadPoolExecutor(CLIENTS) as clients:
        return sum(clients.map(client, range(CLIENTS))) / LOADED_FOR_S


def fetch_s(url: str) -> float:
    """Seconds until the whole answer is here."""
    started = time.perf_counter()
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - the address is ours
        answer.read()
    return time.perf_counter() - started


def row(what: str, value: str, ratio: float) -> None:
    print(f"{what:<52}{value:>14}{ratio:>9.2f}x", flush=True)


if __name__ == "__main__":
    main()
