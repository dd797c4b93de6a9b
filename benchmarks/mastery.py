"""The pages that look at all answers of a learner who gave 20 000: mastery, progress, reviews.

`python -m benchmarks.mastery` prints these rows alone.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.targets import judged, percentile
from tests import house

ASKED = 60
PAGES = {"Mastery": "/progress/mastery/", "Progress": "/progress/", "Reviews": "/progress/reviews/"}
TARGET_MS = 150


def bench() -> None:
    """Rows from a house of its own, on SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        running = house.start(Path(folder) / "var", Path(folder) / "log", LOG_LEVEL="WARNING")
        try:
            running.wait_until_ready()
            cookie = fill(house.environment(running.data_dir, DJANGO_SETTINGS_MODULE="config.settings"))
            times_ms = {name: asked_ms(running.url, address, cookie) for name, address in PAGES.items()}
        finally:
            running.stop()
    for name, ms in times_ms.items():
        judged(f"{name}: the page of 20,000 answers, {len(ms)} times, p95", percentile(ms, 95), TARGET_MS)


def fill(environ: dict[str, str]) -> str:
    """The cookie of a learner with many answers."""
    filled = subprocess.run(
        [sys.executable, "-m", "benchmarks.learner"],
        env=environ,
        cwd=house.ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return filled.stdout.strip().splitlines()[-1]


def asked_ms(url: str, address: str, cookie: str) -> list[float]:
    """Milliseconds from the request to the last byte, over one connection, after a first answer that is not counted."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    times_ms = []
    for _ in range(ASKED + 1):
        started = time.perf_counter()
        connection.request("GET", address, headers={"Cookie": cookie})
        response = connection.getresponse()
        response.read()
        times_ms.append((time.perf_counter() - started) * 1000)
        if response.status != 200:
            raise RuntimeError(f"{address} answered {response.status}; a page answers 200")
    connection.close()
    return times_ms[1:]


if __name__ == "__main__":
    bench()
