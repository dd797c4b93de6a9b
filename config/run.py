"""Everything under one supervisor: Redis, two workers, web. `make run` ends here.

One part stops, all stop. However this process ends, nothing it started stays (see config.parts and config.guard).
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from config import redis_server
from config.env import EVERY_ADDRESS, ROOT, BadEnvironment, Environment, bracketed, read
from config.parts import Parts, PartStopped, Stopped
from config.queues import QUEUES

LOCK_PATIENCE_S = 2.0
READY_PATIENCE_S = 60.0
REDIS_PATIENCE_S = 30.0


class CannotStart(Exception):
    """Why Halfopen does not start, in one line that names the thing."""


def main() -> int:
    """Exit code 0 when asked to stop, 1 when it cannot start or a part ended by itself."""
    os.chdir(ROOT)
    # What is made in the data folder, here and in every part, is for its owner only.
    os.umask(0o077)
    try:
        here = environment()
        with only_one_in(here.data_dir) as lock:
            check_address(here.host, here.port)
            serve(here, lock)
    except (Stopped, KeyboardInterrupt):
        _say("Halfopen has stopped.")
        return 0
    except (CannotStart, BadEnvironment, redis_server.CannotServe) as problem:
        print(f"Halfopen cannot start: {problem}", file=sys.stderr, flush=True)
        return 1
    except PartStopped as problem:
        print(f"Halfopen has stopped: {problem}.", file=sys.stderr, flush=True)
        return 1
    return 1


def environment() -> Environment:
    """What the environment says, and the data folder it names, made if need be."""
    try:
        here = read()
        here.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(f"DATA_DIR: {error.filename} cannot be used ({error.strerror})") from None
    return here


def serve(here: Environment, lock: int) -> None:
    """Prepare, start every part, say when they are ready, and watch them until the end."""
    redis_socket = Path(here.redis_url.removeprefix("unix://")) if here.redis_is_embedded else None
    leftovers = redis_server.leftovers(redis_socket, here.data_dir) if redis_socket else []
    with Parts(kept_by_guard=[lock], leftovers=leftovers) as parts:
        if parts.finish("set-up", [sys.executable, "manage.py", "prepare"]) != 0:
            sys.exit(1)  # the step has said why
        try:
            if redis_socket:
                start_redis(parts, redis_socket, here.data_dir)
            for queue, processes in zip(QUEUES, (here.interactive_processes, here.sweep_processes), strict=True):
                command = worker(queue, processes)
                parts.start(f"the {queue} worker", command, {"REMAP_SIGTERM": "SIGQUIT"}, only_logs=True)
            parts.start("the web server", [sys.executable, "-m", "config.web"])
            wait_until_ready(parts, here)
            _say(f"Halfopen is ready: {address(here)} (Ctrl-C stops it)")
            if here.hint:
                _say(here.hint)
            while True:
                parts.watch()
        finally:
            parts.stop()
            if redis_socket:
                redis_server.remove_socket(redis_socket, here.data_dir)


@contextmanager
def only_one_in(data_dir: Path) -> Iterator[int]:
    """A lock on the data folder itself, so no file of it can be left behind. Yields its descriptor."""
    lock = os.open(data_dir, os.O_RDONLY)
    try:
        deadline = time.monotonic() + LOCK_PATIENCE_S
        while not _locked(lock):
            if time.monotonic() > deadline:
                raise CannotStart(f"it already runs with the data folder {data_dir}; stop it, or set another DATA_DIR")
            time.sleep(0.1)
        yield lock
    finally:
        os.close(lock)


def check_address(host: str, port: int) -> None:
    """Raises CannotStart if nobody can listen at `host` and `port` now."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as error:
        raise CannotStart(_address_problem(error, host, port)) from None


def start_redis(parts: Parts, redis_socket: Path, data_dir: Path) -> None:
    """The embedded server, answering."""
    redis_server.prepare_folders(redis_socket, data_dir)
    log = redis_server.log_file(data_dir)
    parts.start(f"the embedded Redis (its log is {log})", redis_server.command(redis_socket, data_dir))

    def is_alive() -> bool:
        parts.watch(timeout_s=0)
        return True

    if not redis_server.wait_until_it_answers(redis_socket, is_alive, REDIS_PATIENCE_S):
        raise CannotStart(f"the embedded Redis does not answer within {REDIS_PATIENCE_S:g} s; its log is {log}")


def worker(queue: str, processes: int) -> list[str]:
    """The command line of the Celery worker that serves `queue` with so many processes."""
    options = ["--pool=prefork", f"--concurrency={processes}", "--without-gossip", "--without-mingle"]
    celery = [sys.executable, "-m", "celery", "--quiet", "--app=config.celery", "worker"]
    # Long work yields the processor to the work somebody waits for.
    polite = ["nice", "-n", "10"] if queue == "sweeps" else []
    return [*polite, *celery, f"--queues={queue}", f"--hostname={queue}@%h", *options]


def wait_until_ready(parts: Parts, here: Environment) -> None:
    """Return when /readyz says so. Raises CannotStart with what it says when that takes too long."""
    deadline = time.monotonic() + READY_PATIENCE_S
    while (report := _readiness(here)) is not None:
        if time.monotonic() > deadline:
            raise CannotStart(f"it is not ready after {READY_PATIENCE_S:g} s: {report}")
        parts.watch(0.1)


def address(here: Environment) -> str:
    """Where a browser on this machine finds it."""
    return f"http://{bracketed(_reachable(here.host))}:{here.port}"


def _readiness(here: Environment) -> str | None:
    """None when ready, else what is missing."""
    name = here.allowed_hosts[0].lstrip(".").replace("*", "localhost")
    connection = HTTPConnection(_reachable(here.host), here.port, timeout=3)
    try:
        connection.request("GET", "/readyz", headers={"Host": name})
        answer = connection.getresponse()
        report = json.loads(answer.read()) if answer.status in (200, 503) else {"web": f"status {answer.status}"}
    except (OSError, HTTPException, ValueError) as error:
        return f"web: {type(error).__name__}"
    finally:
        connection.close()
    wrong = [f"{part}: {word}" for part, word in report.items() if part != "ready" and word != "ok"]
    return "; ".join(wrong) or None


def _reachable(host: str) -> str:
    return dict(zip(EVERY_ADDRESS, ("127.0.0.1", "::1"), strict=True)).get(host, host)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _address_problem(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is in use; stop what uses it, or choose another: make run PORT={port % 65535 + 1}"
        )
    if error.errno == errno.EACCES:
        return f"PORT is {port}; this user may not listen there, use one from 1024 to 65535"
    return f"HOST is {host}; use an address of this machine, such as 127.0.0.1 or 0.0.0.0"


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
