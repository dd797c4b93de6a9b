"""Reviews, how the learner wants to study, and what all answers show together."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.forms import model_to_dict
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.services import current_learner, learner_for
from quizzes import advice, agenda, attempts, limits, reviews
from quizzes import mastery as mastering
from quizzes.exams import SCALE_PASS
from quizzes.forms import StudyForm
from quizzes.models import Attempt, StudySettings
from quizzes.views import too_many


@never_cache
@require_safe
def review(request: HttpRequest) -> HttpResponse:
    """What is due today and what comes after; for someone new, how it works."""
    learner = current_learner(request)
    settings = reviews.settings_of(learner)
    context: dict[str, Any] = {"settings": settings, "days_left": _days_left(settings)}
    if learner:
        attempts.close_overdue(Attempt.objects.filter(learner=learner))
        days = agenda.forecast(learner)
        weeks = agenda.calendar(learner)
        context |= {
            "today": agenda.today_of(learner, settings),
            "forecast": days,
            "busiest": agenda.busiest(days),
            "coming": sum(day.count for day in days),
            "retention": agenda.retention(learner, settings),
            "retention_days": agenda.RETENTION_DAYS,
            "calendar": list(zip(WEEKDAYS, weeks, strict=True)),
            "weeks": [day.day for day in weeks[0] if day],
            "answered": sum(day.count for row in weeks for day in row if day),
            "active_days": sum(day.count > 0 for row in weeks for day in row if day),
        }
    return render(request, "quizzes/reviews.html", context)


@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Begin a session of reviews: ten minutes, or all that is left of today."""
    learner = current_learner(request)
    if learner is None:
        return redirect("reviews")
    if not limits.may_start(request):
        return too_many(request)
    today = agenda.today_of(learner, reviews.settings_of(learner))
    session = agenda.start(learner, today, short=request.POST.get("size") == "short")
    return redirect("practice_question", session.id, 1) if session else redirect("reviews")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def study_settings(request: HttpRequest) -> HttpResponse:
    """The day of the exam, the retention asked for, and how much a day."""
    settings = reviews.settings_of(current_learner(request))
    form = StudyForm(request.POST if request.method == "POST" else None, initial=model_to_dict(settings))
    if request.method == "POST" and form.is_valid():
        if current_learner(request) is None and not limits.may_start(request):
            return too_many(request)
        _save(learner_for(request), form)
        return redirect("reviews")
    return render(request, "quizzes/study_settings.html", {"form": form}, status=422 if form.errors else 200)


@never_cache
@require_safe
def mastery(request: HttpRequest) -> HttpResponse:
    """What all answers show: readiness, what to do next, each pattern and task, and how well certainty fits."""
    learner = current_learner(request)
    if learner:
        attempts.close_overdue(Attempt.objects.filter(learner=learner))
    told = mastering.of(learner)
    context = {
        "mastery": told,
        "readiness": told.readiness,
        "steps": advice.next_steps(learner, told) if learner else [],
        "enough": mastering.ENOUGH,
        "stale_days": mastering.STALE.days,
        "pass_percent": 100 * mastering.PASS_SHARE,
        "scale_pass": SCALE_PASS,
        "curve": all(row.interval_percent for row in told.calibration),
        "any_calibrated": any(row.first or row.later for row in told.calibration),
    }
    return render(request, "quizzes/mastery.html", context)


def _save(learner: User, form: StudyForm) -> None:
    with transaction.atomic():
        # Answers and merges take the same lock: every card is dated by the settings that hold.
        if User.objects.select_for_update().filter(pk=learner.pk).first() is None:
            raise Http404("what is kept here has moved to another account")
        StudySettings.objects.update_or_create(learner=learner, defaults=form.cleaned_data)
        reviews.reschedule(learner.pk)


def _days_left(settings: StudySettings) -> int | None:
    return reviews.plan_of(settings).days_left(timezone.now().date())


WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
