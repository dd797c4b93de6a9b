"""What the server takes: a turned knob whose run is kept, and sixteen people turning knobs at once."""

from __future__ import annotations

import gzip
import http.client
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from benchmarks.targets import judged, percentile

HEADERS = {"HX-Request": "true", "Accept": "text/html", "Accept-Encoding": "gzip", "Sec-Fetch-Site": "same-origin"}
KEPT_RUNS, KEPT_ASKED = 20, 300
PEOPLE, TURNS_PER_S, TURNING_FOR_S = 16, 3, 10
PATIENCE_S = 10


def bench(url: str, slug: str) -> None:
    """Rows for the sandbox `slug` of the house at `url`."""
    times_ms = kept_ms(url, slug)
    judged(f"{slug}: htmx answer of a kept run, {len(times_ms)} answers, p95", percentile(times_ms, 95), 15)
    crowd = people(url, slug)
    asked = f"{PEOPLE} people, {TURNS_PER_S} new settings/s each for {TURNING_FOR_S} s"
    judged(f"{slug}: {asked}, p95", percentile(crowd.times_ms, 95), 400)
    judged(f"{slug}: of those {len(crowd.times_ms)}, not answered with the run", crowd.failed, 0, "")
    print(f"{'':<8}asked {crowd.rate_per_s:.0f} per s; statuses {dict(crowd.statuses)}", flush=True)


def kept_ms(url: str, slug: str) -> list[float]:
    """Milliseconds from the request to the last byte of the answer, over one connection that stays open."""
    with Visitor(url) as visitor:
        addresses = [f"/sandboxes/{slug}/?seed={seed}" for seed in range(30_000, 30_000 + KEPT_RUNS)]
        for address in addresses:
            visitor.ask(address)
        return [visitor.ask(addresses[turn % KEPT_RUNS]).ms for turn in range(KEPT_ASKED)]


@dataclass
class Crowd:
    """What came of many people turning knobs. `failed` counts answers other than 200 with charts in it."""

    times_ms: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    failed: int = 0
    rate_per_s: float = 0.0


def people(url: str, slug: str) -> Crowd:
    """Each asks for a setting of their own at a steady pace, whether or not the one before was quick (at most late).

    A time counts from the moment the setting was due, so that a slow server cannot hide behind slow asking.
    """
    started = time.perf_counter() + 0.5

    def person(number: int) -> list[tuple[int, float, bool]]:
        answers = []
        with Visitor(url) as visitor:
            for turn in range(TURNS_PER_S * TURNING_FOR_S):
                due = started + (turn + number / PEOPLE) / TURNS_PER_S
                time.sleep(max(0.0, due - time.perf_counter()))
                query = f"arrival_rate_per_s={30 + turn}&seed={40_000 + number}"
                answer = visitor.ask(f"/sandboxes/{slug}/?{query}")
                answers.append((answer.status, (time.perf_counter() - due) * 1000, answer.is_run))
        return answers

    with ThreadPoolExecutor(PEOPLE) as pool:
        answers = [answer for some in pool.map(person, range(PEOPLE)) for answer in some]
    lasted_s = time.perf_counter() - started
    return Crowd(
        times_ms=[ms for _, ms, _ in answers],
        statuses=Counter(status for status, _, _ in answers),
        failed=sum(not is_run for _, _, is_run in answers),
        rate_per_s=len(answers) / lasted_s,
    )


@dataclass(frozen=True)
class Answer:
    status: int
    ms: float
    is_run: bool


class Visitor:
    """One person's connection, kept open as a browser keeps it."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE_S)

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, address: str) -> Answer:
        """Ask as htmx does; the time ends with the last byte. An answer that only says "wait" carries no charts."""
        started = time.perf_counter()
        self._connection.request("GET", address, headers=HEADERS)
        response = self._connection.getresponse()
        body = response.read()
        ms = (time.perf_counter() - started) * 1000
        return Answer(response.status, ms, response.status == 200 and b"data-chart=" in gzip.decompress(body))
