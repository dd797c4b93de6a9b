"""A sweep of 50 x 50 runs of 20,000 requests each, by 1, 2 and 4 worker processes."""

from __future__ import annotations

import json
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.targets import judged
from tests import house

PROCESSES = (1, 2, 4)
TARGET_S = 15
PATIENCE_S = 180
SWEEP = {
    # 250 requests a second for 80 s.
    "arrival_rate_per_s": "250",
    "x": "failure_rate_threshold",
    "x_from": "1",
    "x_to": "99",
    "x_steps": "50",
    "y": "sliding_window_size_calls",
    "y_from": "20",
    "y_to": "118",
    "y_steps": "50",
    "metric": "wasted_caller_s",
    "seeds": "1",
}


def bench() -> None:
    took_s = {processes: sweep_s(processes) for processes in PROCESSES}
    for processes in PROCESSES:
        what = f"sweep of 50 x 50 runs of 20,000 requests, {processes} worker process{'es' if processes > 1 else ''}"
        judged(what, took_s[processes], TARGET_S, "s")
    for processes in PROCESSES[1:]:
        print(f"  {processes} processes against 1: {took_s[1] / took_s[processes]:.2f} times as fast", flush=True)


def sweep_s(processes: int) -> float:
    """Seconds from asking to the last of the runs, in a house of its own."""
    with tempfile.TemporaryDirectory() as folder:
        data_dir, log = Path(folder) / "var", Path(folder) / "log"
        running = house.start(data_dir, log, LOG_LEVEL="WARNING", SWEEP_PROCESSES=str(processes))
        try:
            running.wait_until_ready()
            address = f"{running.url}/sandboxes/circuit-breaker/sweep/?{urlencode(SWEEP)}"
            started, deadline = time.perf_counter(), time.monotonic() + PATIENCE_S
            while not (answer := look(address))["complete"]:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{answer['done']} of {answer['runs']} runs after {PATIENCE_S} s")
                time.sleep(0.1)
            return time.perf_counter() - started
        finally:
            running.stop()


def look(address: str) -> dict[str, int]:
    """The sweep as it stands; looking keeps the workers at it."""
    request = urllib.request.Request(address, headers={"Accept": "application/json"})  # noqa: S310 - the address is ours
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        found: dict[str, int] = json.load(answer)
        return found


if __name__ == "__main__":
    bench()
