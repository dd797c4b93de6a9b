"""The two queues and their manners. `interactive` answers a person who waits; `sweeps` does long work beside it."""

import gc
import os
import warnings
from typing import Any

from celery import Celery, signals
from django.conf import settings
from django_structlog.celery.steps import DjangoStructLogInitStep
from kombu import Queue

from config.heartbeat import Heartbeat
from config.queues import QUEUES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

SWEEP_TIME_LIMIT_S = 120

# The danger of a worker that runs as root is a message that carries code; ours carry JSON.
warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")


def broker_url(redis_url: str) -> str:
    """Celery's spelling of a Redis address: unix:///x becomes redis+socket:///x."""
    return redis_url.replace("unix://", "redis+socket://", 1) if redis_url.startswith("unix://") else redis_url


app = Celery("halfopen")
app.conf.update(
    broker_url=broker_url(settings.REDIS_URL),
    # Results live under their own key in Redis; with a result backend a publish hung for 19 s when Redis was down.
    result_backend=None,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_queues=[Queue(name) for name in QUEUES],
    task_default_queue="interactive",
    task_create_missing_queues=False,
    # Without it a task that kills its worker comes back at once and for ever; with it, max_retries times.
    task_retry_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    # Nothing runs for ever: the heartbeat relies on it, and so does the visibility timeout below.
    task_time_limit=SWEEP_TIME_LIMIT_S,
    # A killed process is replaced at once; its task counts as lost after this, and then who waits asks again.
    worker_lost_wait=1,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "visibility_timeout": 2 * SWEEP_TIME_LIMIT_S,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_timeout": 1,
        "socket_connect_timeout": 1,
    },
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0.1},
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_soft_shutdown_timeout=3,
)
app.steps["worker"].add(DjangoStructLogInitStep)
app.steps["consumer"].add(Heartbeat)
app.autodiscover_tasks(["sandboxes"])


@signals.setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """Celery leaves logging alone when this signal has a receiver; Django has set it up from settings."""


@signals.worker_init.connect
def load_kernels(**_: Any) -> None:
    """Before the worker forks, so that its children share the compiled kernels."""
    # Imported here because tasks and models exist only once Django has been set up.
    from sandboxes import services
    from sandboxes.simulations import catalogue

    for simulation in catalogue.CATALOGUE:
        services.warm(simulation)
    # What is here now stays for good, so no collection has to look at it in the middle of somebody's run.
    gc.collect()
    gc.freeze()
