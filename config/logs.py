"""Logs: one line per event, for people or as JSON, and the request's id on every line it causes, in every process."""

from __future__ import annotations

import logging
import re
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from django.utils.log import CallbackFilter
from structlog.types import EventDict, Processor, WrappedLogger

log = structlog.get_logger("config.web")

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
QUIET_PATHS = ("/healthz", "/readyz")
SECRET_PARTS = ("key", "token", "uidb36", "uidb64")


def logging_config(log_format: str, level: str) -> dict[str, Any]:
    """Python's logging configuration: every library's lines leave through the same formatter as ours."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(log_format)],
                "foreign_pre_chain": [*_context(), structlog.stdlib.ExtraAdder(), _without_request],
            }
        },
        "filters": {"with_traceback": {"()": CallbackFilter, "callback": lambda record: record.exc_info is not None}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Every answer has its line already; Django adds the traceback where there is one, and no second line.
            "django": {"level": "INFO", "handlers": [], "propagate": True},
            "django.request": {"level": "ERROR", "filters": ["with_traceback"]},
            "django.server": {"level": "WARNING", "handlers": [], "propagate": True},
            # Our own lines say when a task starts and ends, with the request's id; these would say it again.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.bootsteps": {"level": "WARNING"},
            "celery.worker.consumer.connection": {"level": "WARNING"},
            "kombu": {"level": "WARNING"},
            "numba": {"level": "WARNING"},
            # It warns that there are more threads than cores; ours mostly wait.
            "_granian": {"level": "ERROR", "handlers": [], "propagate": True},
        },
    }


def configure_structlog() -> None:
    """Send structlog's lines through Python's logging, so that level and format are set in one place."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_context(),
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def request_log(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: give the request an id, put it on every line and on the answer, and log the answer in one line."""

    def middleware(request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        request_id = accepted_request_id(request.headers.get("X-Request-ID", ""))
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = get_response(request)
            response["X-Request-ID"] = request_id
            log.log(
                _level(request.path, response.status_code),
                "request",
                method=request.method,
                path=shown_path(request),
                status=response.status_code,
                ms=round(1000 * (time.perf_counter() - started), 1),
            )
        return response

    return middleware


def accepted_request_id(given: str) -> str:
    """The id that a proxy in front of us gave, if it is one that cannot forge a log line; else a new one."""
    return given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def shown_path(request: HttpRequest) -> str:
    """The path without the query string; where the path itself carries a secret, the name of its view instead."""
    match = request.resolver_match
    if match and any(match.kwargs.get(name) for name in SECRET_PARTS):
        return f"<{match.view_name}>"
    return request.path


def _level(path: str, status: int) -> int:
    if path in QUIET_PATHS:
        return logging.DEBUG
    return logging.ERROR if status >= 500 else logging.INFO


def _context() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _rendering(log_format: str) -> list[Processor]:
    if log_format == "json":
        return [structlog.processors.dict_tracebacks, _without_locals, structlog.processors.JSONRenderer()]
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=plain)]


def _without_request(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Django adds the request to what it logs; written out, it shows the secrets that links in mails carry."""
    event.pop("request", None)
    return event


def _without_locals(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """A traceback's local variables may hold passwords; the frames alone say where it happened."""
    for error in event.get("exception") or ():
        for frame in error.get("frames", ()):
            frame.pop("locals", None)
    return event
