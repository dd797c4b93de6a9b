"""Many runs on one page: the same run over several seeds, or a sweep over one or two parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from sandboxes import addresses, batches, chains, exports, naming, plans, services, sweeps
from sandboxes.addresses import BASELINE, POLL, SEED
from sandboxes.chains import Manner
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
    asked = _asked(request, slug, kind, started=True)
    if asked.plan is None:
        return HttpResponse(f"{asked.refused}\n", status=400, content_type="text/plain; charset=utf-8")
    standing = chains.standing(asked.plan.batches, manner=Manner.READ)
    if isinstance(standing, batches.Standing) and not standing.done:
        standing = chains.standing(asked.plan.batches, WAIT_S, visitor=request)
    if isinstance(standing, services.Failed):
        return exports.refused_file(standing)
    if not standing.done:
        return exports.not_yet()
    picture = next((picture for picture in asked.plan.pictures(standing) if picture["name"] == name), None)
    if picture is None:
        raise Http404(f"There is no picture called {name} here.")
    so_far = "" if standing.complete else f"-{standing.done}-of-{standing.runs}-runs"
    return exports.csv_file(f"{slug}-{kind}-{name}{so_far}", picture["columns"], picture["rows"])


@dataclass(frozen=True)
class Asked:
    """What an address asks for: a plan, or what is wrong, or neither where nothing has been chosen yet."""

    simulation: Simulation[Any, Any]
    given: Mapping[str, str]  # of the parameters
    typed: Mapping[str, str]  # of the rest
    ignored: list[str]
    run: Run | None
    baseline: Params | None
    plan: Plan | None = None
    refused: BadParams | None = None

    @property
    def pin(self) -> dict[str, str]:
        return addresses.pin(self.simulation, self.baseline)

    @property
    def turns(self) -> list[Turn]:
        """What was turned from the baseline to the run, where the two are compared."""
        if self.baseline is None or self.plan is None or len(self.plan.batches) < 2:
            return []
        return turns(self.simulation, self.baseline, self.plan.run.params)


def _asked(request: HttpRequest, slug: str, kind: str, started: bool) -> Asked:
    simulation = addresses.simulation_or_404(slug)
    given, ignored = addresses.given(simulation, request.GET, *sweeps.RESERVED, STOPPED, BASELINE)
    typed = {name: str(request.GET[name]).strip() for name in sweeps.RESERVED if name in request.GET}
    # A baseline that cannot be run is told on the page of one run; here it is left aside.
    baseline, _ = addresses.baseline(simulation, request.GET)
    run, refused = addresses.wanted(simulation, given)
    asked = Asked(simulation, given, typed, ignored, run, baseline, refused=refused)
    if run is None or not started:
        return asked
    try:
        return replace(asked, plan=PLANS[kind](run, typed, baseline))
    except BadParams as error:
        return replace(asked, refused=error)


def _page(request: HttpRequest, slug: str, kind: str, started: bool) -> HttpResponse:
    asked = _asked(request, slug, kind, started)
    plan, refused, stopped = asked.plan, asked.refused, STOPPED in request.GET
    wait_s = 0.0 if stopped or POLL in request.GET else WAIT_S
    manner = _manner(request, stopped)
    outcome = chains.standing(plan.batches, wait_s, manner, request) if plan else None
    if exports.wants_json(request):
        return exports.many_as_json(plan, outcome, refused)
    context: dict[str, Any] = {
        "simulation": asked.simulation,
        "kind": kind,
        "plan": plan,
        "address": plan.address if plan else "",
        "problems": [worded(asked.simulation, problem) for problem in refused.problems] if refused else [],
        "ignored": asked.ignored,
        "stopped": stopped,
        "scope": "run",
        "answer_id": token_hex(4),
        "run_query": addresses.query(asked.run, **asked.pin) if asked.run else "",
        "pin": asked.pin,
        "turns": asked.turns,
        "save_form": blank(plan.address, "run", plan.title) if plan else None,
        "run_title": naming.title(asked.run) if asked.run else "",
        **_told(plan, outcome),
    }
    if request.headers.get("HX-Request") == "true":
        return _fragment(request, plan, outcome, context)
    page = render(request, "sandboxes/many.html", context | _form(asked), status=400 if refused else 200)
    return exports.as_refusal(outcome, page) if isinstance(outcome, services.Failed) else page


def _manner(request: HttpRequest, stopped: bool) -> Manner:
    """Pressing Stop says that nobody looks on; opening the address of a stopped batch says nothing to anybody."""
    if not stopped:
        return Manner.ASK
    return Manner.LEAVE if request.headers.get("HX-Request") == "true" else Manner.READ


def _fragment(
    request: HttpRequest, plan: Plan | None, outcome: batches.Standing | services.Failed | None, context: dict[str, Any]
) -> HttpResponse:
    if plan is None:
        return render(request, "sandboxes/refusal.html", context, status=422)
    if isinstance(outcome, services.Failed):
        return exports.as_refusal(outcome, render(request, "sandboxes/notice.html", context))
    response = render(request, "sandboxes/many_result.html", context)
    response["HX-Replace-Url"] = f"{plan.address}&{STOPPED}=1" if context["stopped"] else plan.address
    return response


def _form(asked: Asked) -> dict[str, Any]:
    start = {**asked.simulation.defaults, SEED: services.DEFAULT_SEED}
    return {
        "groups": grouped(controls(asked.simulation, asked.given, asked.refused, start), asked.simulation.folded),
        "asked": asked.typed,
        "choices": axis_choices(asked.simulation),
        "axes": axis_fields(asked.typed),
        "limits": {name: getattr(sweeps, name) for name in LIMITS},
        "spacings": sweeps.SPACINGS,
        "ideas": _ideas(asked.simulation),
    }


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
        "headline": [figure for figure in figures if figure.metric.leads(plan.run.settings)],
        "others": [figure for figure in figures if not figure.metric.leads(plan.run.settings)],
        "charts": charts,
        "drawn": as_script(drawn) if drawn else "",
        "explanation": plan.explain(outcome),
        "left": " ".join(duration(outcome.left_s)) if outcome.left_s is not None else "",
    }
