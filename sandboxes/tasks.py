"""What the workers do. The thinking is in services; a task only carries plain values there."""

from collections.abc import Mapping
from typing import Any

import structlog
from celery import shared_task

from sandboxes import services

log = structlog.get_logger(__name__)


@shared_task(queue="interactive", soft_time_limit=10, time_limit=15)
def execute(key: str, slug: str, params: Mapping[str, Any], seed: int, part: str, claim: str) -> None:
    """One run for somebody who waits: at most 10 s, and none at all when nobody waits any more."""
    outcome = services.execute(key, slug, params, seed, part, claim)
    log.info(f"run_{outcome}", slug=slug, part=part, key=key)
