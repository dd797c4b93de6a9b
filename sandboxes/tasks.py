"""What the workers do. The thinking is in services; a task only carries plain values there."""

from collections.abc import Mapping
from typing import Any

import structlog
from celery import shared_task

from sandboxes import batches, services

log = structlog.get_logger(__name__)


@shared_task(queue="interactive", soft_time_limit=10, time_limit=15)
def execute(key: str, slug: str, params: Mapping[str, Any], seed: int, part: str, claim: str) -> None:
    """One run for somebody who waits: at most 10 s, and none at all when nobody waits any more."""
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
    """About a second of a batch, and then another turn at the end of the queue while there is more of it."""
    outcome = batches.work(spec, generation, chain)
    if outcome == "more":
        batches.go_on(spec, generation, chain)
    log.info(f"batch_{outcome}", slug=spec["slug"], chain=chain)
