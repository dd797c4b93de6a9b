"""Real servers for tests: started here, stopped here, on private unix sockets."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config import redis_server


class OwnRedis:
    """A Redis on a socket in `folder` that can be killed and started again on the same socket and the same data."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.socket = folder / "redis" / "redis.sock"
        self.url = f"unix://{self.socket}"
        self.start()

    def start(self) -> None:
        redis_server.prepare_folders(self.socket, self.folder)
        self.process = subprocess.Popen(redis_server.command(self.socket, self.folder))
        assert redis_server.wait_until_it_answers(self.socket, lambda: self.process.poll() is None)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=10)


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
