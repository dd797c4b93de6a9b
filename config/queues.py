"""The two queues, and the sign of life that the worker of each leaves in Redis."""

QUEUES = ("interactive", "sweeps")
BEAT_EVERY_S = 2
HEARTBEAT_KEPT_S = 8


def heartbeat_key(queue: str) -> str:
    """Holds when a worker of `queue` last answered: seconds since 1970."""
    return f"worker:{queue}"
