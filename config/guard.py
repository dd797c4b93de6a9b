"""The last one out: if the supervisor is killed without a chance to tidy up, stop what it had started.

Run as a file of its own with nothing but the standard library. Standard input carries lines "+GROUP" and "-GROUP":
process groups to stop when that pipe closes, which it does however the supervisor ends.
"""

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

GRACE_S = 5.0


def main(leftovers: list[Path]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        groups = groups | {group} if line.startswith("+") else groups - {group}
    if groups:
        stop(groups)
        for path in leftovers:
            with suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()


def stop(groups: set[int]) -> None:
    """Ask every group to end, and end by force what has not after the grace."""
    left = {group for group in groups if send(group, signal.SIGTERM)}
    deadline = time.monotonic() + GRACE_S
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = {group for group in left if send(group, 0)}
    for group in left:
        send(group, signal.SIGKILL)


def send(group: int, number: int) -> bool:
    """Whether the group was still there to get the signal."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
