"""Everything that has to be true before the parts start. Runs at every start; quick when nothing changed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import OperationalError, connection
from redis.backoff import NoBackoff
from redis.retry import Retry

from config import fingerprints


class Command(BaseCommand):
    help = "Checks the servers, then brings database, content, static files and kernels up to date."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.ENV.redis_is_embedded:
            check_redis(settings.REDIS_URL)
        check_database()
        call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
        call_command("load_content", verbosity=0)
        made_anew("static files", fingerprints.of_static_files, collect_static_files)
        made_anew("kernels", fingerprints.of_kernels, compile_kernels)


def made_anew(name: str, fingerprint: Callable[[], str], make: Callable[[], None]) -> None:
    """Make what has changed sources; leave the rest alone."""
    if not fingerprints.is_current(name, fingerprint()):
        make()
        fingerprints.keep(name, fingerprint())


def collect_static_files() -> None:
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)


def compile_kernels() -> None:
    # Imported here because it takes a second, and most starts have nothing to compile.
    from sandboxes import services

    services.warm()


def check_redis(url: str) -> None:
    """Stops with one line if no Redis answers at `url`, or one that is too old."""
    try:
        with redis.Redis.from_url(
            url, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0)
        ) as store:
            version = str(store.info("server")["redis_version"])
    except (redis.RedisError, OSError) as error:
        sys.exit(
            f"Halfopen cannot start: REDIS_URL is {without_password(url)}; no Redis answers there ({one_line(error)})"
        )
    if tuple(map(int, version.split(".")[:2])) < (6, 2):
        sys.exit(f"Halfopen cannot start: Redis at REDIS_URL is version {version}; use 6.2 or later, or Valkey")


def check_database() -> None:
    """Stops with one line if the database cannot be opened."""
    try:
        connection.ensure_connection()
    except OperationalError as error:
        url = without_password(settings.ENV.database_url)
        sys.exit(f"Halfopen cannot start: DATABASE_URL is {url}; it cannot be opened ({one_line(error)})")


def without_password(url: str) -> str:
    """`url` as it may be shown: its password and its query replaced by dots."""
    parts = urlsplit(url)
    shown = url.replace(f":{parts.password}@", ":...@") if parts.password else url
    return shown.replace(f"?{parts.query}", "?...") if parts.query else shown


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
