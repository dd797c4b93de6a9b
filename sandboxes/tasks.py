"""What the workers do. The thinking is in services; a task only carries plain values there."""

import logging
from collections.abc import Mapping
from typing import Any

from celery import shared_task

from sandboxes import services

log = logging.getLogger(__name__)


@shared_task(queue="interactive", soft_time_limit=10, time_limit=15)
def execute(key: str, slug: str, params: Mapping[str, Any], seed: int) -> None:
    """One run for somebody who waits: at most 10 s, and none at all when nobody waits any more."""
    outcome = services.execute(key, slug, params, seed)
    log.info("run_%s slug=%s key=%s", outcome, slug, key)
