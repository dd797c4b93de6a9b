"""Exams: beginning, sitting, submitting, and what came of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from pydantic import ValidationError

from accounts.services import current_learner, learner_for
from patterns.catalogue import TITLES
from quizzes import attempts, limits, results
from quizzes import exams as blueprints
from quizzes.exam_forms import BeginForm, ChangesBody
from quizzes.models import Attempt, AttemptItem
from quizzes.practice import rows

NEXT, PREVIOUS, REVIEW = "next", "previous", "review"
STATE_FIELDS = ("number", "chosen", "chosen_sequence", "flagged", "flagged_sequence", "guessed", "guessed_sequence")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def exams(request: HttpRequest) -> HttpResponse:
    """What exams there are to sit, and those sat; a POST begins one."""
    posted = request.method == "POST"
    form = BeginForm(request.POST if posted else None, initial={"pattern": request.GET.get("pattern", "")})
    if posted and form.is_valid():
        return _begin(request, form.cleaned_data)
    return render(request, "quizzes/exams.html", _exams(request, form), status=422 if form.errors else 200)


@never_cache
@require_safe
def exam(request: HttpRequest, attempt_id: UUID) -> HttpResponse:
    """Wherever this attempt is: at a question, at its end, or closed with its result."""
    attempt = _attempt_or_404(request, attempt_id)
    if attempt.closed_at:
        shown = request.GET.get("show", "")
        return render(request, "quizzes/exam_result.html", results.of(attempt, shown))
    if timezone.now() > attempt.deadline_at:
        return render(request, "quizzes/exam_over.html", _clock(attempt))
    opened = attempt.items.filter(opened_at__isnull=False).order_by("-number").first()
    return redirect("exam_item", attempt.id, opened.number if opened else 1)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def item(request: HttpRequest, attempt_id: UUID, number: int) -> HttpResponse:
    """One question: to answer while the exam runs, with its reasons once it is closed."""
    attempt = _attempt_or_404(request, attempt_id)
    if not 1 <= number <= attempt.length:
        raise Http404(f"there is no question {number}; this exam has {attempt.length}")
    if attempt.closed_at:
        if request.method == "POST" and "reveal" not in request.POST:
            return _too_late(request, attempt, number)
        return _reviewed(request, attempt, number)
    if request.method == "POST":
        return _save_form(request, attempt, number)
    if timezone.now() > attempt.deadline_at:
        return redirect(attempt)
    items = list(attempt.items.all())
    asked = items[number - 1]
    attempts.open_item(asked)
    context = _clock(attempt) | {
        "items": items,
        "item": asked,
        "asked": _asked(asked),
        "state": _state(attempt, items),
    }
    return render(request, "quizzes/exam_item.html", context)


@never_cache
@require_safe
def paper(request: HttpRequest, attempt_id: UUID) -> HttpResponse:
    """All questions of a running exam, so that a browser can turn pages while the connection is lost."""
    attempt = _running_or_404(request, attempt_id)
    asked = [_asked(item) for item in attempt.items.select_related("question")]
    return render(request, "quizzes/exam_paper.html", {"attempt": attempt, "paper": asked})


@never_cache
@require_POST
def changes(request: HttpRequest, attempt_id: UUID) -> JsonResponse:
    """Keep what a browser sends, and say what became of each change and how the exam stands."""
    try:
        body = ChangesBody.model_validate_json(request.body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "body"
        return JsonResponse({"error": f"{place}: {first['msg']}"}, status=400)
    learner = current_learner(request)
    if learner is None:
        raise Http404("nobody is here whose exam this could be")
    asked = [row.change() for row in body.changes]
    try:
        saved = attempts.save(attempt_id, learner, asked)
    except attempts.AttemptIsGone:
        raise Http404("this exam belongs to another learner, or to none") from None
    if attempts.is_over(saved.attempt):
        attempts.close(attempt_id)
    return JsonResponse({"outcomes": saved.outcomes} | _state(saved.attempt, saved.items))


@never_cache
@require_safe
def state(request: HttpRequest, attempt_id: UUID) -> JsonResponse:
    """How the exam stands, for a tab that was away."""
    attempt = _attempt_or_404(request, attempt_id)
    return JsonResponse(_state(attempt, attempt.items.all()))


@never_cache
@require_safe
def review(request: HttpRequest, attempt_id: UUID) -> HttpResponse:
    """The last look before submitting: what is unanswered, half answered and flagged."""
    attempt = _attempt_or_404(request, attempt_id)
    if attempt.closed_at or timezone.now() > attempt.deadline_at:
        return redirect(attempt)
    items = list(attempt.items.select_related("question"))
    context = _clock(attempt) | {
        "items": items,
        "unanswered": [item for item in items if not item.chosen],
        "half_answered": [item for item in items if item.chosen and len(item.chosen) != len(item.question.keys)],
        "flagged": [item for item in items if item.flagged],
        "answered": sum(1 for item in items if item.chosen),
    }
    return render(request, "quizzes/exam_review.html", context)


@never_cache
@require_POST
def submit(request: HttpRequest, attempt_id: UUID) -> HttpResponse:
    """End the exam and see its result. Again, or from another tab, it only shows the result."""
    attempt = _attempt_or_404(request, attempt_id)
    attempts.submit(attempt.id, attempt.learner)
    return redirect(attempt)


def _exams(request: HttpRequest, form: BeginForm) -> dict[str, Any]:
    learner = current_learner(request)
    taken: list[Attempt] = []
    if learner:
        attempts.close_overdue(Attempt.objects.filter(learner=learner))
        taken = list(results.with_scores(Attempt.objects.filter(learner=learner)))
    supplies = blueprints.supplies()
    return {
        "form": form,
        "mock": supplies[Attempt.Kind.MOCK],
        "short": supplies[Attempt.Kind.SHORT],
        "running": [attempt for attempt in taken if not attempt.closed_at],
        "closed": [attempt for attempt in taken if attempt.closed_at],
    }


def _begin(request: HttpRequest, wanted: dict[str, Any]) -> HttpResponse:
    if not limits.may_start(request):
        response = render(request, "quizzes/too_many.html", {"most": limits.MOST_STARTS}, status=429)
        response["Retry-After"] = str(limits.WINDOW_S)
        return response
    asked_at = timezone.now()
    attempt = blueprints.begin(
        learner_for(request), Attempt.Kind(wanted["kind"]), wanted["pattern"], extended=wanted["extended"]
    )
    if attempt is None:
        messages.error(request, "The bank has no question for this exam yet.")
        return redirect("exams")
    if attempt.started_at < asked_at:
        messages.info(request, f"“{attempt.title}” is still running, and one exam is sat at a time. Here it is.")
    return redirect("exam", attempt.id)


def _attempt_or_404(request: HttpRequest, attempt_id: UUID) -> Attempt:
    """An attempt of whoever is here, closed if its time is over: another learner's does not exist for them."""
    learner = current_learner(request)
    mine = Attempt.objects.filter(learner=learner).select_related("learner")
    attempt = attempts.read(mine, attempt_id) if learner else None
    if attempt is None:
        raise Http404("there is no such exam of yours")
    return attempt


def _running_or_404(request: HttpRequest, attempt_id: UUID) -> Attempt:
    attempt = _attempt_or_404(request, attempt_id)
    if attempt.closed_at:
        raise Http404("this exam is over")
    return attempt


def _clock(attempt: Attempt) -> dict[str, Any]:
    """The context of every page of a running exam."""
    now = timezone.now()
    left = attempt.deadline_at - now
    return {
        "attempt": attempt,
        "now_ms": _ms(now),
        "started_ms": _ms(attempt.started_at),
        "deadline_ms": _ms(attempt.deadline_at),
        "allowed_minutes": round((attempt.deadline_at - attempt.started_at).total_seconds() / 60),
        "minutes_left": max(0, int(left.total_seconds() // 60)),
        "grace_s": max(0, int((left + attempts.GRACE).total_seconds()) + 1),
    }


def _ms(moment: Any) -> int:
    return int(moment.timestamp() * 1000)


def _asked(item: AttemptItem) -> dict[str, Any]:
    """A question as it is asked, without anything that tells what is right."""
    return {"item": item, "question": item.question, "rows": rows(item.question, item.shown, item.chosen)}


def _state(attempt: Attempt, items: Iterable[AttemptItem]) -> dict[str, Any]:
    return {
        "closed": attempts.is_over(attempt),
        "now_ms": _ms(timezone.now()),
        "items": [{name: getattr(item, name) for name in STATE_FIELDS} for item in items],
    }


def _save_form(request: HttpRequest, attempt: Attempt, number: int) -> HttpResponse:
    """Keep what was changed in a question's plain form, and go where the pressed button leads.

    Another tab may have changed the question since this one showed it: what this form left alone stays as it is now.
    """
    kept = attempt.items.get(number=number)
    sequence = attempts.next_sequence(attempt, kept)
    shown, wanted = _fields(request, "was_"), _fields(request)
    changed = [
        attempts.Change(number, sequence + place, field, value)
        for place, (field, value) in enumerate(wanted.items())
        if value != shown[field]
    ]
    spent = (sequence + len(wanted), attempts.Field.SPENT_MS, _spent_ms(request, attempt))
    changed.append(attempts.Change(number, *spent))
    outcomes = attempts.save(attempt.id, attempt.learner, changed).outcomes
    if attempts.Outcome.LATE in outcomes:
        return _too_late(request, attempt, number)
    return _onward(attempt, number, request.POST.get("go", NEXT))


def _too_late(request: HttpRequest, attempt: Attempt, number: int) -> HttpResponseRedirect:
    messages.error(request, f"The exam was over before your answer to question {number} came, so it is not kept.")
    return redirect(attempt)


def _fields(request: HttpRequest, prefix: str = "") -> dict[str, Any]:
    """The fields of a question as a plain form has them, or had them when it was shown."""
    places = map(_whole_number, request.POST.getlist(f"{prefix}chosen"))
    return {
        attempts.Field.CHOSEN: sorted({place for place in places if place is not None}),
        attempts.Field.FLAGGED: f"{prefix}flagged" in request.POST,
        attempts.Field.GUESSED: f"{prefix}guessed" in request.POST,
    }


def _spent_ms(request: HttpRequest, attempt: Attempt) -> int:
    """How long a plain page was open, by the server's clock; 0 if its form does not say."""
    opened_ms = _whole_number(request.POST.get("opened_ms", ""))
    now_ms, started_ms = _ms(timezone.now()), _ms(attempt.started_at)
    return now_ms - opened_ms if opened_ms is not None and started_ms <= opened_ms <= now_ms else 0


def _whole_number(text: str) -> int | None:
    """What a form should hold where a number is; None for anything else, thousands of digits among it."""
    return int(text) if text.isdecimal() and len(text) <= 15 else None


def _onward(attempt: Attempt, number: int, go: str) -> HttpResponseRedirect:
    if go == REVIEW or (go == NEXT and number == attempt.length):
        return redirect("exam_review", attempt.id)
    target = {NEXT: number + 1, PREVIOUS: number - 1}.get(go) or _whole_number(go) or number
    return redirect("exam_item", attempt.id, min(max(target, 1), attempt.length))


def _reviewed(request: HttpRequest, attempt: Attempt, number: int) -> HttpResponse:
    """A question of a closed exam. One that was never opened stays closed until the learner opens it."""
    asked = attempt.items.select_related("question").prefetch_related("question__patterns").get(number=number)
    if request.method == "POST" and "reveal" in request.POST:
        attempts.reveal(asked)
        return redirect(request.path)
    shown = request.GET.get("show", "")
    listed = [item.number for item in results.filtered(attempt, shown)]
    context = _asked(asked) | {
        "attempt": attempt,
        "shown": shown if shown in results.FILTERS else "",
        "filter_title": results.FILTERS.get(shown, ""),
        "before": max((other for other in listed if other < number), default=None),
        "after": min((other for other in listed if other > number), default=None),
        "list_address": reverse("exam", args=[attempt.id]) + (f"?show={shown}" if shown in results.FILTERS else ""),
        "titles": TITLES,
    }
    return render(request, "quizzes/exam_reviewed.html", context)
