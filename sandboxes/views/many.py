"""Many runs on one page: the same run over several seeds, or a sweep over one or two parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from sandboxes import addresses, batches, exports, plans, services, sweeps
from sandboxes.addresses import BASELINE, POLL, SEED
from sandboxes.comparison import Turn, turns
from sandboxes.experiment_forms import blank
from sandboxes.forms import axis_choices, axis_fields, controls, grouped, worded
from sandboxes.plans import Plan
from sandboxes.presentation import as_script, drawable
from sandboxes.services import Run
from sandboxes.simulations.quantities import duration
from sandboxes.simulations.spec import BadParams, Params, Simulation

STOPPED = "stopped"
WAIT_S = 0.5
LIMITS = (
    "MOST_SEEDS",
    "MOST_RUNS",
    "FEWEST_STEPS",
    "MOST_STEPS",
    "DEFAULT_STEPS",
    "DEFAULT_SEEDS",
    "DEFAULT_REPLICATIONS",
)
PLANS: Mapping[str, Callable[[Run, Mapping[str, str], Params | None], Plan]] = {
    "replications": plans.replications,
    "sweep": plans.sweep,
}


@require_safe
@vary_on_headers("HX-Request", "Accept")
def replications(request: HttpRequest, slug: str) -> HttpResponse:
    """The run that the address describes, over several seeds: means with their intervals, and each run."""
    return _page(request, slug, "replications", started=True)


@require_safe
@vary_on_headers("HX-Request", "Accept")
def sweep(request: HttpRequest, slug: str) -> HttpResponse:
    """One number of the run over the values of one parameter or two; without one, the form to choose them."""
    return _page(request, slug, "sweep", started="x" in request.GET)


@require_safe
def picture_csv(request: HttpRequest, slug: str, kind: str, name: str) -> HttpResponse:
    """The numbers behind one picture, as far as there are any yet."""
    if kind not in PLANS:
        raise Http404(f"There is no page {kind} here.")
    _, _, _, plan, refused = _asked(request, slug, kind, started=True)
    if plan is None:
        return HttpResponse(f"{refused}\n", status=400, content_type="text/plain; charset=utf-8")
    standing = batches.standing(plan.batches, WAIT_S, visitor=request)
    if isinstance(standing, services.Failed):
        return exports.refused_file(standing)
    if not standing.done:
        return exports.not_yet()
    picture = next((picture for picture in plan.pictures(standing) if picture["name"] == name), None)
    if picture is None:
        raise Http404(f"There is no picture called {name} here.")
    return exports.csv_file(f"{slug}-{kind}-{name}", picture["columns"], picture["rows"])


def _page(request: HttpRequest, slug: str, kind: str, started: bool) -> HttpResponse:
    simulation, given, ignored, plan, refused = _asked(request, slug, kind, started)
    stopped = STOPPED in request.GET
    wait_s = 0.0 if stopped or POLL in request.GET else WAIT_S
    outcome = batches.standing(plan.batches, wait_s, not stopped, request) if plan else None
    if exports.wants_json(request):
        return exports.many_as_json(plan, outcome, refused)
    context: dict[str, Any] = {
        "simulation": simulation,
        "kind": kind,
        "plan": plan,
        "address": plan.address if plan else "",
        "problems": [worded(simulation, problem) for problem in refused.problems] if refused else [],
        "ignored": ignored,
        "stopped": stopped,
        "scope": "run",
        "answer_id": token_hex(4),
        "run_query": _run_query(simulation, given, request),
        "pin": _pin(simulation, request),
        "turns": _turns(plan, request),
        "save_form": blank(plan.run, plan.address, "run") if plan else None,
        **_told(plan, outcome),
    }
    if request.headers.get("HX-Request") == "true":
        if plan is None:
            return render(request, "sandboxes/refusal.html", context, status=422)
        if isinstance(outcome, services.Failed):
            return exports.as_refusal(outcome, render(request, "sandboxes/notice.html", context))
        response = render(request, "sandboxes/many_result.html", context)
        response["HX-Replace-Url"] = f"{plan.address}&{STOPPED}=1" if stopped else plan.address
        return response
    start = {**simulation.defaults, SEED: services.DEFAULT_SEED}
    context |= {
        "groups": grouped(controls(simulation, given, refused, start)),
        "asked": _typed(request),
        "choices": axis_choices(simulation),
        "axes": axis_fields(_typed(request)),
        "limits": {name: getattr(sweeps, name) for name in LIMITS},
        "spacings": sweeps.SPACINGS,
        "ideas": _ideas(simulation),
    }
    page = render(request, "sandboxes/many.html", context, status=400 if refused else 200)
    return exports.as_refusal(outcome, page) if isinstance(outcome, services.Failed) else page


def _asked(
    request: HttpRequest, slug: str, kind: str, started: bool
) -> tuple[Simulation[Any, Any], dict[str, str], list[str], Plan | None, BadParams | None]:
    """The simulation, what was given of its parameters, what means nothing here, and the plan or what is wrong."""
    simulation = addresses.simulation_or_404(slug)
    given, ignored = addresses.given(simulation, request.GET, *sweeps.RESERVED, STOPPED, BASELINE)
    # One that cannot be run is told on the page of one run; here it is left aside.
    baseline, _ = addresses.baseline(simulation, request.GET)
    run, refused = addresses.wanted(simulation, given)
    if run is None or not started:
        return simulation, given, ignored, None, refused
    try:
        return simulation, given, ignored, PLANS[kind](run, _typed(request), baseline), None
    except BadParams as error:
        return simulation, given, ignored, None, error


def _typed(request: HttpRequest) -> dict[str, str]:
    """What was typed besides the parameters."""
    return {name: str(request.GET[name]).strip() for name in sweeps.RESERVED if name in request.GET}


def _run_query(simulation: Simulation[Any, Any], given: Mapping[str, str], request: HttpRequest) -> str:
    run, _ = addresses.wanted(simulation, given)
    return addresses.query(run, **_pin(simulation, request)) if run else ""


def _pin(simulation: Simulation[Any, Any], request: HttpRequest) -> dict[str, str]:
    return addresses.pin(simulation, addresses.baseline(simulation, request.GET)[0])


def _turns(plan: Plan | None, request: HttpRequest) -> list[Turn]:
    """What was turned from the baseline to the run, where the two are compared."""
    if plan is None or len(plan.batches) < 2:
        return []
    baseline, _ = addresses.baseline(plan.run.simulation, request.GET)
    return turns(plan.run.simulation, baseline, plan.run.params) if baseline else []


def _ideas(simulation: Simulation[Any, Any]) -> list[dict[str, str]]:
    """The sweeps worth seeing, as links."""
    found = []
    for idea in simulation.sweeps:
        run = Run(simulation, simulation.parse(idea.params))
        address = reverse("sweep", args=[simulation.slug]) + addresses.query(run, **idea.axes)
        found.append({"title": idea.title, "look_for": idea.look_for, "address": address})
    return found


def _told(plan: Plan | None, outcome: batches.Standing | services.Failed | None) -> dict[str, Any]:
    if plan is None or not isinstance(outcome, batches.Standing):
        return {"failed": outcome if isinstance(outcome, services.Failed) else None}
    figures = plan.figures(outcome)
    charts, drawn = drawable(plan.pictures(outcome) if outcome.done else [])
    return {
        "standing": outcome,
        "headline": [figure for figure in figures if figure.metric.headline],
        "others": [figure for figure in figures if not figure.metric.headline],
        "charts": charts,
        "drawn": as_script(drawn) if drawn else "",
        "explanation": plan.explain(outcome),
        "left": " ".join(duration(outcome.left_s)) if outcome.left_s is not None else "",
    }
