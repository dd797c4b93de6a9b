"""Practice, one question at a time, and what it came to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers
from django_htmx.middleware import HtmxDetails

from accounts.models import User
from accounts.services import current_learner, learner_for
from patterns.catalogue import TITLES
from quizzes import agenda, attempts, choosing, evidence, limits, marks
from quizzes import practice as practising
from quizzes.choosing import Choice
from quizzes.forms import AnswerForm, ChooseForm, NoteForm, ReportForm
from quizzes.models import Answer, Attempt, Certainty, PracticeSession, Question, Report

RECENT_SESSIONS = 10


class HtmxRequest(HttpRequest):
    htmx: HtmxDetails


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
def practice(request: HtmxRequest) -> HttpResponse:
    """Choose what to practise and see how many questions that is; a POST starts a session."""
    posted = request.method == "POST"
    form = ChooseForm(request.POST if posted else {"length": "10", **request.GET.dict()})
    choice = form.choice if form.is_valid() else None
    matching = choosing.matching(current_learner(request), choice) if choice else None
    count = matching.count() if matching is not None else 0
    if posted and choice and matching is not None and count:
        name = "" if choice == Choice(pattern=choice.pattern) else choice.words
        return _begin(request, matching, form.cleaned_data["length"], choice.pattern, name)
    any_offered = practising.offered().exists()
    context: dict[str, Any] = {"form": form, "choice": choice, "count": count, "any_offered": any_offered}
    context["posted"] = posted
    if request.htmx and not posted:
        return render(request, "quizzes/practice.html#matching", context)
    learner = current_learner(request)
    context |= {"unfinished": _unfinished(request), "due": agenda.due_count(learner) if learner else 0}
    refused = posted and any_offered
    return render(request, "quizzes/practice.html", context, status=422 if refused else 200)


@never_cache
@require_safe
@vary_on_headers("HX-Request")
def about(request: HtmxRequest, pattern: str) -> HttpResponse:
    """The questions on one pattern in a few lines, for that pattern's page."""
    if pattern not in TITLES:
        raise Http404(f"there is no pattern {pattern}")
    told = evidence.of_learner(current_learner(request)).get(pattern)
    context = {"pattern": pattern, "title": TITLES[pattern], "evidence": told}
    return render(request, "quizzes/about.html" + ("#about" if request.htmx else ""), context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
def question(request: HtmxRequest, session_id: UUID, number: int) -> HttpResponse:
    """One question: to answer while there is no answer, then with its feedback for good."""
    session = _session_or_404(request, session_id)
    asked = _question_or_404(session, number)
    answer = Answer.objects.filter(session=session, question=asked).first()
    form = AnswerForm(asked, request.POST if request.method == "POST" and not answer else None)
    if form.is_valid():
        _record_or_404(session, asked, form)
    if request.method == "POST" and (answer or form.is_valid()):
        return redirect(f"{request.path}#verdict")
    template = "quizzes/question.html" + ("#question" if request.htmx else "")
    context = _asked(session, asked, number, answer, form)
    return render(request, template, context, status=422 if form.is_bound else 200)


@never_cache
@require_safe
def session(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """How a session went, or how far it has come."""
    standing = practising.standing(_session_or_404(request, session_id))
    questions = Question.objects.in_bulk(standing.session.question_ids)
    lines = [
        {"number": number, "question": questions[id], "answer": standing.answers.get(id)}
        for number, id in enumerate(standing.session.question_ids, start=1)
        if id in questions
    ]
    return render(request, "quizzes/session.html", {"standing": standing, "session": standing.session, "lines": lines})


@require_POST
def again(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """A new session of what was wrong in this one."""
    finished = practising.standing(_session_or_404(request, session_id))
    questions = practising.offered().filter(id__in=finished.wrong_ids)
    if not questions.exists():
        return redirect(finished.session)
    return _begin(request, questions, len(finished.wrong_ids), finished.session.pattern, finished.session.name)


@never_cache
@require_POST
@vary_on_headers("HX-Request")
def mark(request: HtmxRequest, question_id: str) -> HttpResponse:
    """Keep a flag or a note to self on a question."""
    asked = get_object_or_404(Question, pk=question_id)
    flagged = request.POST["flagged"] == "on" if "flagged" in request.POST else None
    form = NoteForm(request.POST)
    if not form.is_valid():
        unkept = {"note_problem": str(form.errors["note"][0]), "unkept_note": request.POST["note"]}
        return _marked(request, asked, unkept, status=422)
    note = form.cleaned_data["note"] if "note" in request.POST else None
    with _moved_is_not_found():
        marks.keep(_learner_or_404(request), asked, flagged, note)
    return _marked(request, asked, {"said": "Kept."})


@never_cache
@require_POST
@vary_on_headers("HX-Request")
def report(request: HtmxRequest, question_id: str) -> HttpResponse:
    """Tell whoever runs this place that something is wrong with a question."""
    asked = get_object_or_404(Question, pk=question_id)
    form = ReportForm(request.POST)
    if not form.is_valid():
        problem = next(str(errors[0]) for errors in form.errors.values())
        return _marked(request, asked, {"problem": problem, "report_form": form}, status=422)
    with _moved_is_not_found():
        kept = marks.report(
            _learner_or_404(request), asked, Report.Kind(form.cleaned_data["kind"]), form.cleaned_data["text"]
        )
    return _marked(request, asked, {"said": "Thank you: it waits to be looked at."} if kept else {})


@never_cache
@require_safe
def progress(request: HttpRequest) -> HttpResponse:
    """What the learner's answers show so far, pattern by pattern."""
    learner = current_learner(request)
    if learner:
        attempts.close_overdue(Attempt.objects.filter(learner=learner))
    told = evidence.of_learner(learner)
    context = {
        "evidence": [(slug, TITLES.get(slug, slug), of_pattern) for slug, of_pattern in told.items()],
        "any_answered": any(of_pattern.answered for of_pattern in told.values()),
        "enough_answers": evidence.ENOUGH_ANSWERS,
        "standings": _recent(request),
    }
    return render(request, "quizzes/progress.html", context)


def too_many(request: HttpRequest) -> HttpResponse:
    """What someone is told who has begun too many sessions."""
    context = {"most": limits.MOST_STARTS, "unfinished": _unfinished(request)}
    response = render(request, "quizzes/too_many.html", context, status=429)
    response["Retry-After"] = str(limits.WINDOW_S)
    return response


def _marked(request: HtmxRequest, asked: Question, more: dict[str, Any], status: int = 200) -> HttpResponse:
    """The marks of a question: as a part of its page, or by going back to it."""
    back = request.POST.get("back", "")
    context = {"question": asked, "back": back, **marks.told_of(current_learner(request), asked), **more}
    if request.htmx:
        return render(request, "quizzes/marks.html", context, status=status)
    if status == 200 and url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        return redirect(f"{back}#marks")
    return render(request, "quizzes/marked.html", context, status=status)


def _learner_or_404(request: HttpRequest) -> User:
    learner = current_learner(request)
    if learner is None:
        raise Http404("nobody has answered anything here yet")
    return learner


@contextmanager
def _moved_is_not_found() -> Iterator[None]:
    try:
        yield
    except practising.LearnerIsGone:
        raise Http404("what is kept here has moved to another account") from None


def _session_or_404(request: HttpRequest, session_id: UUID) -> PracticeSession:
    """A session of whoever is here: another learner's does not exist for them."""
    return get_object_or_404(PracticeSession, pk=session_id, learner=current_learner(request))


def _question_or_404(session: PracticeSession, number: int) -> Question:
    if not 1 <= number <= len(session.question_ids):
        raise Http404(f"there is no question {number}; this session has {len(session.question_ids)}")
    asked = Question.objects.prefetch_related("patterns").filter(pk=session.question_ids[number - 1]).first()
    if asked is None:
        raise Http404(f"question {number} of this session is no longer in the bank")
    return asked


def _record_or_404(session: PracticeSession, asked: Question, form: AnswerForm) -> None:
    try:
        practising.record(session, asked, form.cleaned_data["chosen"], Certainty(form.cleaned_data["certainty"]))
    except practising.LearnerIsGone:
        raise Http404("this session has moved to another account") from None


def _asked(
    session: PracticeSession, asked: Question, number: int, answer: Answer | None, form: AnswerForm
) -> dict[str, Any]:
    """The context of a question: before the answer without, after it with what is right and why."""
    order = answer.shown if answer else practising.order_of_options(session, asked)
    chosen = answer.chosen if answer else form.chosen_places
    standing = practising.standing(session)
    told = marks.told_of(session.learner_id, asked) if answer else {}
    return {
        **told,
        "back": reverse("practice_question", args=[session.id, number]),
        "session": session,
        "question": asked,
        "number": number,
        "answer": answer,
        "rows": practising.rows(asked, order, chosen),
        "form": form,
        "certainties": Certainty,
        "steps": [(n, standing.answers.get(id)) for n, id in enumerate(session.question_ids, start=1)],
        "total": standing.total,
        "next_number": number + 1 if number < standing.total else standing.next_number,
    }


def _recent(request: HttpRequest) -> list[practising.Standing]:
    learner = current_learner(request)
    if learner is None:
        return []
    sessions = PracticeSession.objects.filter(learner=learner).prefetch_related("answers")[:RECENT_SESSIONS]
    return [practising.standing(session) for session in sessions]


def _begin(
    request: HttpRequest, questions: QuerySet[Question], most: int, pattern: str, name: str = ""
) -> HttpResponse:
    """Start a session and open its first question, or say that too many have been started."""
    if not limits.may_start(request):
        return too_many(request)
    session = practising.start(learner_for(request), questions, most, pattern, name)
    return redirect("practice_question", session.id, 1)


def _unfinished(request: HttpRequest) -> practising.Standing | None:
    """The latest session that still has a question to answer."""
    return next((standing for standing in _recent(request) if standing.next_number), None)
