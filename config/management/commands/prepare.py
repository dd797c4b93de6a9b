"""Everything that has to be true before the parts start. Runs at every start; quick when nothing changed."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import django
import redis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import Error, connection, connections

from config import fingerprints
from config.env import without_password
from patterns.models import LoadedContent
from sandboxes import store

REDIS_TIMEOUT_S = 2.0


class Command(BaseCommand):
    help = "Checks the servers, then brings database, content, static files and kernels up to date."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.ENV.redis_is_embedded:
            check_redis(settings.REDIS_URL)
        check_database()
        call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
        forget_what_is_over()
        load_content()
        made_anew("static files", fingerprints.of_static_files, collect_static_files)
        made_anew("kernels", fingerprints.of_kernels, compile_kernels)


def forget_what_is_over() -> None:
    """Nobody runs these by hand on a machine of their own: old guests, sessions that have ended."""
    call_command("forget_guests", stdout=io.StringIO())
    call_command("clearsessions")


def load_content() -> None:
    """Load what is new. If it cannot be loaded, what was there before stays, and one line says why."""
    problems = io.StringIO()
    try:
        call_command("load_content", stderr=problems)
    except SystemExit:
        if not LoadedContent.objects.exists():
            sys.exit(problems.getvalue().strip())
        first, *more, _ = problems.getvalue().splitlines()
        others = f" (and {len(more)} more; `manage.py load_content` names them)" if more else ""
        said = f"Halfopen keeps the content it has, because the new one cannot be loaded: {first}{others}"
        print(said, file=sys.stderr)


def made_anew(name: str, fingerprint: Callable[[], str], make: Callable[[], None]) -> None:
    """Make what has changed sources; leave the rest alone."""
    if not fingerprints.is_current(name, fingerprint()):
        make()
        fingerprints.keep(name, fingerprint())


def collect_static_files() -> None:
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)


def compile_kernels() -> None:
    """Each simulation in a process of its own, as many at once as there are processors."""
    # Imported here because it takes a second, and most starts have nothing to compile.
    from sandboxes.simulations import catalogue

    slugs = [simulation.slug for simulation in catalogue.CATALOGUE]
    print("Compiling the simulations; this takes a minute or two, and only when they have changed.", flush=True)
    connections.close_all()  # a connection must not have two processes
    with ProcessPoolExecutor(min(len(slugs), os.cpu_count() or 1), initializer=django.setup) as pool:
        list(pool.map(compile_simulation, slugs))


def compile_simulation(slug: str) -> None:
    from sandboxes import services
    from sandboxes.simulations import catalogue

    services.warm(catalogue.simulation(slug))


def check_redis(url: str) -> None:
    """Stops with one line if no Redis answers at `url`, or one that is too old."""
    try:
        with store.client(url, REDIS_TIMEOUT_S) as client:
            version = str(client.info("server")["redis_version"])
    except (redis.RedisError, OSError, ValueError) as error:
        sys.exit(
            f"Halfopen cannot start: REDIS_URL is {without_password(url)}; no Redis answers there ({one_line(error)})"
        )
    if tuple(map(int, version.split(".")[:2])) < (6, 2):
        sys.exit(f"Halfopen cannot start: Redis at REDIS_URL is version {version}; use 6.2 or later, or Valkey")


def check_database() -> None:
    """Stops with one line if the database cannot be opened."""
    try:
        connection.ensure_connection()
    except (Error, ImproperlyConfigured) as error:
        url = without_password(settings.ENV.database_url)
        sys.exit(f"Halfopen cannot start: DATABASE_URL is {url}; it cannot be opened ({one_line(error)})")


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
