"""Files to take away: a pattern's questions for Anki, one's own answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.services import current_learner
from patterns.catalogue import TITLES
from quizzes import history
from quizzes.exchange import questions_of
from quizzes.practice import offered


@require_safe
def deck(request: HttpRequest, pattern: str) -> HttpResponse:
    """The questions on a pattern as an Anki deck."""
    questions = questions_of(offered(pattern).prefetch_related("patterns").order_by("id"))
    if not questions:
        raise Http404(f"there are no questions on {pattern}")
    # Nothing else needs it, and it takes a while to import.
    from quizzes import anki

    packed = anki.deck(pattern, TITLES.get(pattern, pattern), questions)
    return HttpResponse(packed, "application/octet-stream", headers=_named(f"halfopen-{pattern}.apkg"))


@never_cache
@require_safe
def history_as_csv(request: HttpRequest) -> StreamingHttpResponse:
    return _streamed(request, history.as_csv, "text/csv; charset=utf-8", "halfopen-history.csv")


@never_cache
@require_safe
def history_as_json(request: HttpRequest) -> StreamingHttpResponse:
    return _streamed(request, history.as_json, "application/json", "halfopen-history.json")


def _streamed(
    request: HttpRequest, lines: Callable[[User | None], Iterator[str]], content_type: str, name: str
) -> StreamingHttpResponse:
    """The answers of whoever is here, and of nobody else."""
    return StreamingHttpResponse(lines(current_learner(request)), content_type=content_type, headers=_named(name))


def _named(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
