"""Processes that live and die together, each in a process group of its own, with a guard in case we are killed."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

STOPPING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
GUARD = Path(__file__).with_name("guard.py")
GRACE_S = 8.0
KILLED_PATIENCE_S = 2.0


class Stopped(Exception):
    """Somebody asked us to stop."""


class PartStopped(Exception):
    """A part ended by itself; the message names it and says how."""


@dataclass(frozen=True)
class Part:
    name: str
    process: subprocess.Popen[bytes]

    @property
    def group(self) -> int:
        return self.process.pid


class Parts:
    """Use as a context: leaving it stops every part, the last started last of all.

    `kept_by_guard`: open files the guard inherits, so that a lock on one of them holds until everything has ended.
    `leftovers`: files, and then empty folders, to remove if we are killed.
    """

    def __init__(self, kept_by_guard: Sequence[int] = (), leftovers: Sequence[Path] = ()) -> None:
        self._kept_by_guard = tuple(kept_by_guard)
        self._leftovers = tuple(leftovers)
        self._parts: list[Part] = []

    def __enter__(self) -> Parts:
        self._signals, written = socket.socketpair()
        self._signals.setblocking(False)
        written.setblocking(False)
        self._written = written
        self._wakeup_before = signal.set_wakeup_fd(written.fileno(), warn_on_full_buffer=False)
        for number in (*STOPPING, signal.SIGCHLD):
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue  # started with nohup
            # What arrives is read from the wake-up socket; the handler has only to be there.
            signal.signal(number, lambda *_: None)
        reading, writing = os.pipe()
        self._orders: IO[bytes] = os.fdopen(writing, "wb", buffering=0)
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD), *map(str, self._leftovers)],
            stdin=reading,
            start_new_session=True,
            pass_fds=self._kept_by_guard,
        )
        os.close(reading)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._orders.close()
        self._guard.wait()
        signal.set_wakeup_fd(self._wakeup_before)
        self._signals.close()
        self._written.close()

    def start(
        self, name: str, command: Sequence[str], environ: Mapping[str, str] | None = None, *, only_logs: bool = False
    ) -> Part:
        """Start one part. Its lines go where ours go; with `only_logs`, its standard output goes nowhere."""
        process = subprocess.Popen(
            command,
            env={**os.environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if only_logs else None,
            start_new_session=True,
        )
        part = Part(name, process)
        self._parts.append(part)
        self._tell_guard("+", part)
        return part

    def finish(self, name: str, command: Sequence[str]) -> int:
        """Run a step to its end, unless somebody stops us meanwhile: its exit code."""
        part = self.start(name, command)
        while part.process.poll() is None:
            self._wait(None)
        self._parts.remove(part)
        self._end([part], grace_s=0)
        return part.process.returncode

    def watch(self, timeout_s: float | None = None) -> None:
        """Return after `timeout_s`. Raises Stopped when asked to stop, PartStopped when a part has ended."""
        self._check()
        self._wait(timeout_s)
        self._check()

    def stop(self) -> None:
        """End all parts, those that were started first last, because the others lean on them."""
        while self._parts:
            first, rest = self._parts[:1], self._parts[1:]
            self._end(rest or first, GRACE_S)
            self._parts = first if rest else []

    def _check(self) -> None:
        for part in self._parts:
            code = part.process.poll()
            if code is not None:
                raise PartStopped(f"{part.name} ended by itself, {_how(code)}")
        if self._guard.poll() is not None:
            raise PartStopped("the guard ended by itself")

    def _wait(self, timeout_s: float | None) -> None:
        if select.select([self._signals], [], [], timeout_s)[0] and STOPPING & set(self._signals.recv(1024)):
            raise Stopped

    def _end(self, parts: Sequence[Part], grace_s: float) -> None:
        for part in parts:
            _send(part.group, signal.SIGTERM, whole_group=False)
        deadline = time.monotonic() + grace_s
        while any(part.process.poll() is None for part in parts) and (left_s := deadline - time.monotonic()) > 0:
            try:
                self._wait(left_s)
            except Stopped:
                break  # asked twice: no more grace
        for part in parts:
            _send(part.group, signal.SIGKILL, whole_group=True)
            part.process.wait()
            _wait_until_gone(part.group)
            self._tell_guard("-", part)

    def _tell_guard(self, sign: str, part: Part) -> None:
        try:
            self._orders.write(f"{sign}{part.group}\n".encode())
        except BrokenPipeError:
            return  # the guard has gone, which `watch` reports


def _send(group: int, number: int, *, whole_group: bool) -> bool:
    try:
        (os.killpg if whole_group else os.kill)(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _wait_until_gone(group: int) -> None:
    deadline = time.monotonic() + KILLED_PATIENCE_S
    while _send(group, 0, whole_group=True) and time.monotonic() < deadline:
        time.sleep(0.01)


def _how(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
