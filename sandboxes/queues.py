"""The two queues as whoever puts work into them knows them; their bounds are told in docs/decisions/0014 and 0017."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

MOST_QUEUED_PER_PROCESS = 32
LONGEST_QUEUE_OF_SWEEPS = 400


@dataclass(frozen=True)
class Queue:
    """`claim_kept_s`: how long a run waits in it before it is dropped and whoever still waits asks again."""

    name: str
    claim_kept_s: int

    def most_queued(self) -> int:
        """How many tasks that nobody has begun may be in it before new ones are refused."""
        if self is SWEEPS:
            return LONGEST_QUEUE_OF_SWEEPS
        return MOST_QUEUED_PER_PROCESS * settings.ENV.interactive_processes


INTERACTIVE = Queue("interactive", claim_kept_s=20)
# What stands here waits behind the turns of batches.
SWEEPS = Queue("sweeps", claim_kept_s=120)
