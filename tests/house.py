"""The real thing for tests: started as `make run` starts it, on a free port, with a data folder of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The first start with a data folder compiles the simulations.
START_PATIENCE_S = 300.0
STOP_PATIENCE_S = 30.0


@dataclass(frozen=True)
class House:
    supervisor: subprocess.Popen[bytes]
    data_dir: Path
    port: int
    log_file: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def wait_until_ready(self) -> None:
        wait_for(lambda: "Halfopen is ready" in self.log or self.supervisor.poll() is not None, START_PATIENCE_S)
        assert "Halfopen is ready" in self.log, self.log

    def wait_until_gone(self) -> int:
        """The supervisor's exit code, once nothing of the house is left."""
        code = self.supervisor.wait(timeout=STOP_PATIENCE_S)
        wait_for(lambda: not processes_of(self.data_dir), STOP_PATIENCE_S)
        assert not processes_of(self.data_dir), self.log
        return code

    def stop(self) -> int:
        self.supervisor.send_signal(signal.SIGINT)
        return self.wait_until_gone()


def start(data_dir: Path, log_file: Path, **variables: str) -> House:
    """The supervisor in its own process, with nothing in its environment but `variables` that could change it."""
    port = int(variables.pop("PORT", 0)) or free_port()
    with log_file.open("wb") as log:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "config.run"],
            cwd=ROOT,
            env=environment(data_dir, PORT=str(port), **variables),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return House(supervisor, data_dir, port, log_file)


def environment(data_dir: Path, **variables: str) -> dict[str, str]:
    """A plain environment for a process of the house."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "DATA_DIR": str(data_dir), **variables}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def processes_of(data_dir: Path) -> Mapping[int, str]:
    """Process id -> command line of everything that was started with this data folder, however distantly."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"DATA_DIR={data_dir}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it has ended, or belongs to somebody else
    return {process: command for process, command in found.items() if command}


def processes_with(data_dir: Path, words: str) -> list[int]:
    """The ids of the processes of the house whose command line holds `words`."""
    return [process for process, command in processes_of(data_dir).items() if words in command]


def process_of(data_dir: Path, words: str) -> int:
    """The id of the oldest process of the house whose command line holds `words`."""
    return min(processes_with(data_dir, words))


def wait_for(condition, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
