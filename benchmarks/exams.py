"""What exams take: a hundred people in mock exams at once, a mock assembled from a large bank, a result.

`python -m benchmarks.exams` prints these rows alone.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.targets import judged, percentile
from tests import crowd, house
from tests.crowd import Sitter

PEOPLE, BANK = 100, 2_000
# A person in an exam chooses something every minute or so; here everybody does so every other second.
PACE_PER_S, PACE_FOR_S = 0.5, 20
RUSH_PER_S, RUSH_FOR_S = 3.1, 20
ASSEMBLED, RESULTS = 30, 60
PATIENCE_S = 10.0


def bench() -> None:
    """Rows from a house of its own, on SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        running = house.start(Path(folder) / "var", Path(folder) / "log", LOG_LEVEL="WARNING")
        try:
            running.wait_until_ready()
            environ = house.environment(running.data_dir)
            sitters = crowd.gather(running.url, environ, BANK, PEOPLE)
            load = os.getloadavg()[0]
            paced = answer(sitters, PACE_PER_S, PACE_FOR_S)
            rushed = answer(sitters, RUSH_PER_S, RUSH_FOR_S)
            results_ms = [result_ms(sitters[turn % 5]) for turn in range(RESULTS)]
        finally:
            running.stop()
        begun_ms = assembled_ms(environ)
    pace = f"{PEOPLE} people in exams"
    judged(f"{pace}, {paced.rate_per_s:.0f} answers/s acknowledged, p95", percentile(paced.times_ms, 95), 50)
    judged(f"{pace}, {rushed.rate_per_s:.0f} answers/s for {RUSH_FOR_S} s, errors", rushed.failed, 0, "")
    judged(f"{pace}, answers/s sustained, short of 300 by", max(0.0, 300 - rushed.rate_per_s), 0, "")
    judged(f"mock exam assembled from a bank of {BANK:,}, p95 of {ASSEMBLED}", percentile(begun_ms, 95), 100)
    judged(f"result page of a whole exam, p95 of {RESULTS}", percentile(results_ms, 95), 100)
    p50, p95, worst = (percentile(rushed.times_ms, share) for share in (50, 95, 100))
    print(
        f"{'':<8}paced p50 {percentile(paced.times_ms, 50):.0f} ms; rushed p50 {p50:.0f}, p95 {p95:.0f}, most ", end=""
    )
    print(f"{worst:.0f} ms; outcomes {dict(rushed.outcomes)}; load before {load:.1f}", flush=True)


@dataclass
class Answers:
    """What came of answers. A time counts from when the answer was due, `failed` those not acknowledged as kept."""

    times_ms: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    rate_per_s: float = 0.0

    @property
    def failed(self) -> int:
        return sum(count for outcome, count in self.outcomes.items() if outcome != "kept")


def answer(sitters: list[Sitter], per_s: float, for_s: float) -> Answers:
    """Each answers at a steady pace, however slow the server is, over a connection that stays open."""
    turns = round(per_s * for_s)
    started = time.perf_counter() + 0.5

    def person(place: int) -> list[tuple[float, str]]:
        told = []
        with Line(sitters[place]) as line:
            for turn in range(turns):
                due = started + (turn + place / len(sitters)) / per_s
                time.sleep(max(0.0, due - time.perf_counter()))
                outcome = line.send(turn % 65 + 1, [turn % 4])
                told.append(((time.perf_counter() - due) * 1000, outcome))
        return told

    with ThreadPoolExecutor(len(sitters)) as pool:
        told = [row for rows in pool.map(person, range(len(sitters))) for row in rows]
    lasted_s = time.perf_counter() - started
    return Answers([ms for ms, _ in told], Counter(outcome for _, outcome in told), len(told) / lasted_s)


class Line:
    """One person's open connection, with as little work of its own as can be: it shares the server's processors."""

    def __init__(self, sitter: Sitter) -> None:
        self.sitter = sitter
        place = urlsplit(sitter.url)
        self.socket = socket.create_connection((place.hostname, place.port), timeout=PATIENCE_S)
        headers = "".join(f"{name}: {value}\r\n" for name, value in sitter.headers.items())
        self.head = f"POST {sitter.address('changes')} HTTP/1.1\r\nHost: {place.netloc}\r\n{headers}"

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, number: int, chosen: list[int]) -> str:
        """What became of one answer: an outcome, else the status."""
        # As browsers do it: later choices have higher numbers.
        change = crowd.change(number, time.time_ns() // 1000, "chosen", chosen)
        body = json.dumps({"changes": [change]})
        self.socket.sendall(f"{self.head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more()
        head, _, text = received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(text) < length:
            text += self._more()
        status = head.split(b" ")[1].decode()
        return str(json.loads(text)["outcomes"][0]) if status == "200" else status

    def _more(self) -> bytes:
        more = self.socket.recv(65_536)
        if not more:
            raise ConnectionError("the server has closed the connection")
        return more


def result_ms(sitter: Sitter) -> float:
    """Milliseconds until the whole page is here. The first time the exam is submitted before."""
    if not sitter.state()["closed"]:
        sitter.ask("POST", sitter.address("submit"))
    started = time.perf_counter()
    page = sitter.ask("GET", sitter.address())
    ms = (time.perf_counter() - started) * 1000
    if "% right" not in page:
        raise RuntimeError(f"{sitter.address()} shows no result")
    return ms


def assembled_ms(environ: dict[str, str]) -> list[float]:
    """Milliseconds to draw and save a mock exam for a guest, without the web around it."""
    command = [sys.executable, "-m", "benchmarks.exams", "assemble"]
    done = subprocess.run(command, cwd=house.ROOT, env=environ, check=True, capture_output=True, text=True)
    return [float(line) for line in done.stdout.split()]


def assemble() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()
    from accounts.models import User
    from quizzes import exams
    from quizzes.models import Attempt

    for _ in range(ASSEMBLED):
        guest = User.objects.create_guest()
        started = time.perf_counter()
        attempt = exams.begin(guest, Attempt.Kind.MOCK)
        print((time.perf_counter() - started) * 1000)
        if attempt is None or attempt.length != 65:
            raise RuntimeError("the bank cannot fill a mock exam")


if __name__ == "__main__":
    assemble() if sys.argv[1:] == ["assemble"] else bench()
