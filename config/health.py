"""Health: is this process alive, and can the whole house answer?"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache

import redis
import structlog
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config.queues import HEARTBEAT_KEPT_S, QUEUES, heartbeats_key
from sandboxes import store

log = structlog.get_logger(__name__)

OK = "ok"
PATIENCE_S = 1.5

Report = dict[str, str]


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers. Nothing else is asked, so that a broken database does not get it restarted."""
    return HttpResponse("ok", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The parts behind the pages, each "ok" or what is wrong with it; status 503 when one is not ok."""
    report = readiness()
    ready = all(word == OK for word in report.values())
    return JsonResponse({"ready": ready, **report}, status=200 if ready else 503)


def readiness(patience_s: float = PATIENCE_S) -> Report:
    """{"database", "redis", and each queue's worker: "ok" or what is wrong}, within `patience_s` seconds."""
    asked: dict[str, Future[Report]] = {name: _checkers(name).submit(check) for name, check in _checks().items()}
    answered, _ = wait(asked.values(), timeout=patience_s)
    report: Report = {}
    for name, future in asked.items():
        report |= future.result() if future in answered else {name: f"no answer within {patience_s:g} s"}
        future.cancel()
    return report | {queue: "unknown: Redis cannot be asked" for queue in QUEUES if queue not in report}


def _checks() -> dict[str, Callable[[], Report]]:
    return {"database": _database, "redis": _redis_and_workers}


@cache
def _checkers(name: str) -> ThreadPoolExecutor:
    """One thread for each check: a database that hangs holds one thread, however often it is asked about."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"readyz-{name}")


def _database() -> Report:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM django_migrations LIMIT 1")
            cursor.fetchone()
    except Exception as error:
        log.warning("database_not_ready", error=str(error).strip())
        return {"database": f"cannot be queried ({type(error).__name__})"}
    finally:
        connection.close()
    return {"database": OK}


def _redis_and_workers() -> Report:
    try:
        with store.client(settings.REDIS_URL) as client:
            client.ping()
            since = time.time() - HEARTBEAT_KEPT_S
            workers = {queue: _worker(client.zcount(heartbeats_key(queue), since, "+inf")) for queue in QUEUES}
    except (redis.RedisError, OSError) as error:
        log.warning("redis_not_ready", error=type(error).__name__)
        return {"redis": f"cannot be reached ({type(error).__name__})"}
    return {"redis": OK, **workers}


def _worker(answering: int) -> str:
    return OK if answering else f"no worker has answered in the last {HEARTBEAT_KEPT_S} s"
