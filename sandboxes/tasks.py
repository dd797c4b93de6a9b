"""What the workers do. The thinking is in services; a task only carries plain values there."""

from collections.abc import Mapping
from typing import Any

import redis
import structlog
from billiard.exceptions import WorkerLostError
from celery import Task, shared_task
from celery.worker.request import Request

from sandboxes import chains, services

log = structlog.get_logger(__name__)

# A kernel that does not notice the time limit is ended together with its process.


class WatchedRequest(Request):
    """A task as the worker's parent process sees it: it notices when the process that executes the task is killed."""

    def on_failure(self, exc_info: Any, *arguments: Any, **options: Any) -> None:
        super().on_failure(exc_info, *arguments, **options)
        # billiard wraps what it carries together with its traceback.
        if isinstance(getattr(exc_info.exception, "exc", exc_info.exception), WorkerLostError):
            self._say_lost("")

    def on_timeout(self, soft: bool, timeout: float) -> None:
        super().on_timeout(soft, timeout)
        if not soft:
            self._say_lost("slow")

    def _say_lost(self, why: str) -> None:
        key, *_, claim = self.args
        try:
            services.lost(key, claim, why)
        except (redis.RedisError, OSError) as error:
            # The claim runs out by itself, a little later.
            log.warning("lost_run_not_told", key=key, error=type(error).__name__)


class Watched(Task):  # type: ignore[type-arg]  # generic for the type checker only
    Request = "sandboxes.tasks:WatchedRequest"


# Whoever still waits for a lost run asks again, so it is not given back as well.
@shared_task(base=Watched, queue="interactive", max_retries=0)
def execute(key: str, slug: str, params: Mapping[str, Any], seed: int, part: str, claim: str) -> None:
    """One run for somebody who waits, within the limits it was sent with, and none when nobody waits any more."""
    outcome = services.execute(key, slug, params, seed, part, claim)
    log.info(f"run_{outcome}", slug=slug, part=part, key=key)


@shared_task(
    queue="sweeps",
    soft_time_limit=30,
    time_limit=40,
    # The task of a worker that dies is given back, and one that kills its worker not for ever.
    acks_late=True,
    reject_on_worker_lost=True,
    max_retries=2,
    default_retry_delay=1,
)
def work(spec: Mapping[str, Any], generation: int, chain: str) -> None:
    """A moment of a batch, and then another turn at the end of the queue while there is more of it."""
    outcome = chains.work(spec, generation, chain)
    if outcome == "more":
        chains.go_on(spec, generation, chain)
    log.info(f"batch_{outcome}", slug=spec["slug"], chain=chain)
