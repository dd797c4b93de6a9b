"""Everything is killed at any moment of an exam: at the next start every acknowledged answer is there."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests import crowd, house

pytestmark = pytest.mark.e2e

PEOPLE = 8
# The command line's words of what is killed, none for everything; how often. A part that ends takes the others along.
KILLS = [
    pytest.param("SQLite", "", 3, id="SQLite, everything"),
    pytest.param("SQLite", "config.web", 1, id="SQLite, the web processes"),
    pytest.param("SQLite", "valkey-server", 1, id="SQLite, Redis"),
    pytest.param("PostgreSQL", "", 2, id="PostgreSQL, everything with its server"),
]


@dataclass
class Sitting:
    """What one person sent, and what of it was acknowledged: (number, sequence) -> the chosen options."""

    sitter: crowd.Sitter
    sent: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    acknowledged: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    submitted: bool = False
    sequence: int = 0

    def go_on(self, seed: int, submits_after: int | None = None) -> None:
        """Answer one question after another, some of them again, until the house does not answer any more."""
        chance = random.Random(seed)
        try:
            for turn in range(10_000):
                if turn == submits_after:
                    self.submit()
                    return
                self.send(chance)
        except (OSError, HTTPException):
            return  # it has been killed

    def send(self, chance: random.Random) -> None:
        batch = {}
        for _ in range(chance.randint(1, 3)):
            self.sequence += 1
            batch[chance.randint(1, 65), self.sequence] = [chance.randint(0, 3)]
        self.sent |= batch
        asked = [crowd.change(number, sequence, "chosen", value) for (number, sequence), value in batch.items()]
        assert self.sitter.save(*asked) == ["kept"] * len(asked)
        self.acknowledged |= batch

    def submit(self) -> None:
        # Where it leads is the result.
        self.sitter.ask("POST", self.sitter.address("submit"))
        self.submitted = True

    def is_whole_in(self, kept: dict[str, Any]) -> None:
        """Holds what the database has to what was acknowledged. A change that was only sent may be there or not."""
        mine = kept[self.sitter.attempt]
        log = {(number, sequence): value for number, sequence, value in mine["changes"]}
        assert self.acknowledged.items() <= log.items() <= self.sent.items()
        assert all(verdict is not None for verdict in mine["verdicts"]) == mine["closed"]
        assert all(verdict is None for verdict in mine["verdicts"]) == (not mine["closed"])
        assert mine["closed"] or not self.submitted
        newest: dict[int, tuple[int, list[int]]] = defaultdict(lambda: (0, []))
        for (number, sequence), value in log.items():
            newest[number] = max(newest[number], (sequence, value))
        if mine["closed"]:
            return
        for item in self.sitter.state()["items"]:
            assert (item["chosen_sequence"], item["chosen"]) == newest[item["number"]], item


class Site:
    """A folder and a port at which a house is started again and again, with a database server if it has a folder."""

    def __init__(self, folder: Path, server_dir: Path | None) -> None:
        self.data_dir, self.log_file, self.server_dir = folder / "var", folder / "log", server_dir
        self.variables = {
            "PORT": str(house.free_port()),
            "NUMBA_CACHE_DIR": str(settings.DATA_DIR / "kernels"),
            "INTERACTIVE_PROCESSES": "1",
            "SWEEP_PROCESSES": "1",
        }

    @property
    def environ(self) -> dict[str, str]:
        return house.environment(self.data_dir, **self.variables)

    def start(self) -> house.House:
        if self.server_dir:
            self.variables["DATABASE_URL"] = server(self.server_dir)
        running = house.start(self.data_dir, self.log_file, **self.variables)
        running.wait_until_ready()
        return running

    def processes(self, words: str) -> list[int]:
        """What has these words in its command line; without words the database server as well."""
        found = house.processes_with(self.data_dir, words)
        return found if words or not self.server_dir else [*found, *server_processes(self.server_dir)]

    def kill(self, words: str, chance: random.Random) -> None:
        """Kill those processes, in any order."""
        doomed = self.processes(words)
        chance.shuffle(doomed)
        for process in doomed:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def server(folder: Path) -> str:
    """Start a PostgreSQL that keeps what it acknowledges, and return its address."""
    house.wait_for(lambda: not server_processes(folder), 10)
    is_new = not (folder / "data").exists()
    # In a container whose first process buries nobody, the dead server would count as running.
    for lock in (folder / "data" / "postmaster.pid", *folder.glob(".s.PGSQL.*.lock")):
        lock.unlink(missing_ok=True)
    command = [str(house.ROOT / "bin" / "postgres"), "start", str(folder)]
    with folder.with_suffix(".log").open("w+") as log:
        done = subprocess.run(command, env={**os.environ, "CAREFUL": "1"}, stdout=log, stderr=subprocess.STDOUT)
        log.seek(0)
        said = log.read().strip()
    if done.returncode and is_new and "CI" not in os.environ:
        pytest.skip(f"PostgreSQL's server cannot be had: {said}")
    assert done.returncode == 0, said
    return said.splitlines()[-1]


def server_processes(folder: Path) -> list[int]:
    """All of them work in the folder of their data."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink() == folder / "data":
                found.append(int(process.name))
    return found


@pytest.fixture
def site(tmp_path, database) -> Iterator[Site]:
    # Another user serves PostgreSQL where the tests run as root, and may not enter pytest's own folders.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as server_dir:
        made = Site(tmp_path, Path(server_dir) / "postgres" if database == "PostgreSQL" else None)
        yield made
        made.kill("", random.Random(0))
        house.wait_for(lambda: not made.processes(""), 10)


@pytest.mark.parametrize(("database", "words", "times"), KILLS)
def test_whatever_is_killed_during_an_exam_every_acknowledged_answer_is_there_afterwards(site, words, times, request):
    chance = random.Random(request.node.name)
    running = site.start()
    sittings = [Sitting(sitter) for sitter in crowd.gather(running.url, site.environ, questions=200, people=PEOPLE)]

    for number in range(times):
        goes_on = [sitting for sitting in sittings if not sitting.submitted]
        before = sum(len(sitting.acknowledged) for sitting in sittings)
        with ThreadPoolExecutor(PEOPLE) as pool:
            # One of them submits, about when the kill comes.
            sitting_on = [
                pool.submit(sitting.go_on, chance.getrandbits(32), submits_after=20 if place == 0 else None)
                for place, sitting in enumerate(goes_on)
            ]
            time.sleep(chance.uniform(0.3, 1.5))
            site.kill(words, chance)
        for done in sitting_on:
            done.result()
        assert sum(len(sitting.acknowledged) for sitting in sittings) > before, number
        running.wait_until_gone()
        running = site.start()

        kept = crowd.kept(site.environ)
        for sitting in sittings:
            sitting.is_whole_in(kept)

    assert running.stop() == 0
