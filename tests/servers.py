"""Real servers for tests: started here, stopped here, on private unix sockets."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config import redis_server


@contextmanager
def private_redis(folder: Path) -> Iterator[str]:
    """The embedded Redis of its own in `folder`; yields its address."""
    socket = folder / "redis" / "redis.sock"
    redis_server.prepare_folders(socket, folder)
    process = subprocess.Popen(redis_server.command(socket, folder))
    try:
        assert redis_server.wait_until_it_answers(socket, lambda: process.poll() is None)
        yield f"unix://{socket}"
    finally:
        process.terminate()
        process.wait(timeout=10)
