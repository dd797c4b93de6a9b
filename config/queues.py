"""The two queues, and the signs of life that their workers leave in Redis."""

QUEUES = ("interactive", "sweeps")
BEAT_EVERY_S = 2
HEARTBEAT_KEPT_S = 8


def heartbeats_key(queue: str) -> str:
    """A sorted set: the name of each worker of `queue`, by when it last answered (seconds since 1970)."""
    return f"workers:{queue}"
