"""Puts the learner on every request."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from accounts.services import current_learner


def learner(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """`request.learner` for templates: false for nobody, no query until it is used. Python asks `current_learner`."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.learner = SimpleLazyObject(lambda: current_learner(request))  # type: ignore[attr-defined]
        return get_response(request)

    return middleware
