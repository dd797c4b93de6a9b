"""The learner's kept experiments: saved beside a run, listed, renamed, deleted. Nobody meets anybody else's."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST
from django.views.decorators.vary import vary_on_headers

from accounts.services import current_learner, learner_for
from sandboxes import addresses, experiment_forms, limits
from sandboxes import experiments as keeping
from sandboxes.experiment_forms import ChangeForm, SaveForm, ids
from sandboxes.models import Experiment

ON_A_PAGE = 25
TOO_MANY = (
    f"You have {keeping.MOST_EXPERIMENTS} experiments, and more are not kept. "
    "Delete one you no longer need, then save this one."
)
TOO_OFTEN = (
    f"{limits.MOST_SAVES} experiments were saved within an hour. "
    "What you wrote stays here; try again a little later, after an hour at most."
)
MOVED = "You have just signed in or out in another tab. Nothing is lost: save once more."


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
def experiments(request: HttpRequest) -> HttpResponse:
    """The learner's experiments, newest first; a POST saves one more."""
    if request.method == "POST":
        return _save(request)
    page = Paginator(_of_learner(request), ON_A_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "entries": [_entry(experiment) for experiment in page]}
    return render(request, "sandboxes/experiments.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
def experiment(request: HttpRequest, experiment_id: UUID) -> HttpResponse:
    """One experiment; a POST changes its title and note, unless another tab has changed them meanwhile (409)."""
    found = get_object_or_404(_of_learner(request), pk=experiment_id)
    if request.method != "POST":
        return _shown(request, _entry(found))
    form = ChangeForm(request.POST, auto_id=ids(found.id))
    if not form.is_valid():
        return _shown(request, _entry(found) | {"form": form, "editing": True}, status=422)
    words = form.cleaned_data
    if not keeping.change(found, words["changed_at"], words["title"], words["note"]):
        typed = {"title": words["title"], "note": words["note"], "changed_at": found.changed_at.isoformat()}
        form = ChangeForm(initial=typed, auto_id=ids(found.id))
        return _shown(request, _entry(found) | {"form": form, "editing": True, "conflict": True}, status=409)
    if _is_htmx(request):
        return _shown(request, _entry(found) | {"changed": True})
    messages.success(request, "Your changes are saved.")
    return redirect(found)


@never_cache
@require_POST
def delete(request: HttpRequest, experiment_id: UUID) -> HttpResponse:
    """Delete an experiment for good; whoever asks has confirmed it."""
    found = get_object_or_404(_of_learner(request), pk=experiment_id)
    found.delete()
    if _is_htmx(request):
        return render(request, "sandboxes/experiment_deleted.html", {"title": found.title})
    messages.success(request, f"“{found.title}” is deleted.")
    return redirect("experiments")


def _save(request: HttpRequest) -> HttpResponse:
    scope = addresses.scope(request)
    form = SaveForm(request.POST, auto_id=ids(scope))
    kept, status = _kept(request, form) if form.is_valid() else (None, 422)
    if kept is None:
        context = {"save_form": form, "scope": scope, "saving": True, "address": request.POST.get("address", "")}
        template = "sandboxes/act_save.html" if _is_htmx(request) else "sandboxes/save.html"
        response = render(request, template, context, status=status)
        if status == 429:
            response["Retry-After"] = str(limits.SAVES_WINDOW_S)
        return response
    if _is_htmx(request):
        return render(request, "sandboxes/experiment_saved.html", {"experiment": kept, "scope": scope}, status=status)
    messages.success(request, f"“{kept.title}” is saved.")
    return redirect(f"{reverse('experiments')}#experiment-{kept.id}")


def _kept(request: HttpRequest, form: SaveForm) -> tuple[Experiment | None, int]:
    """The saved experiment, or an error on the form; and the status of the answer."""
    if not limits.may_save(request):
        form.add_error(None, TOO_OFTEN)
        return None, 429
    words = form.cleaned_data
    try:
        return keeping.keep(learner_for(request), form.place, words["title"], words["note"]), 201
    except keeping.TooManyExperiments:
        form.add_error(None, TOO_MANY)
    except keeping.LearnerIsGone:
        form.add_error(None, MOVED)
    return None, 422


def _of_learner(request: HttpRequest) -> QuerySet[Experiment]:
    """The experiments of whoever is here: another learner's do not exist for them."""
    learner = current_learner(request)
    return Experiment.objects.filter(learner=learner) if learner else Experiment.objects.none()


def _entry(experiment: Experiment) -> dict[str, Any]:
    """The context of an experiment's entry in the notebook."""
    return {"kept": keeping.reopen(experiment), "form": experiment_forms.kept(experiment)}


def _shown(request: HttpRequest, entry: dict[str, Any], status: int = 200) -> HttpResponse:
    template = "sandboxes/experiment_entry.html" if _is_htmx(request) else "sandboxes/experiment.html"
    return render(request, template, entry, status=status)


def _is_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"
