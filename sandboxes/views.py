"""The sandboxes: a list of them, and one page each whose address is the run it shows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from secrets import token_hex
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from sandboxes import exports, services
from sandboxes.forms import controls, grouped, plain, worded
from sandboxes.presentation import present
from sandboxes.simulations import catalogue
from sandboxes.simulations.spec import BadParams, Problem, Simulation, parse_seed

WAIT_S = 2.0
POLL_WAIT_S = 0.4
# Names in the address that are not parameters of the simulation.
SEED, EMBED, POLL, SCOPE = "seed", "embed", "poll", "scope"


@require_safe
def library(request: HttpRequest) -> HttpResponse:
    """Every sandbox there is, with its scenarios as ways in."""
    shelf = [(simulation, _scenarios(simulation, None)) for simulation in catalogue.CATALOGUE]
    return render(request, "sandboxes/library.html", {"shelf": shelf})


@require_safe
@vary_on_headers("HX-Request", "Accept")
def sandbox(request: HttpRequest, slug: str) -> HttpResponse:
    """One sandbox with the run its address describes.

    A plain request gets the page, or the run as JSON if it would rather; htmx gets the answer alone, or what is
    wrong (422), or with `embed=new` a sandbox to stand inside another page.
    """
    simulation = _simulation_or_404(slug)
    given, ignored = _given(simulation, request.GET)
    wanted, refused = _wanted(simulation, given)
    outcome = services.run(wanted, POLL_WAIT_S if POLL in request.GET else WAIT_S) if wanted else None
    if exports.wants_json(request):
        return exports.as_json(outcome, refused)
    context: dict[str, Any] = {
        "simulation": simulation,
        "problems": [worded(simulation, problem) for problem in refused.problems] if refused else [],
        "ignored": ignored,
        "outcome": outcome,
        "presented": present(simulation, outcome.result) if isinstance(outcome, services.Ready) else None,
        "address": _address(wanted) if wanted else request.get_full_path(),
        "query": _query(wanted) if wanted else "",
        "command": exports.command(wanted, _differences(simulation, wanted.settings)) if wanted else "",
        "scope": _scope(request),
        "answer_id": token_hex(4),
        "embedded": EMBED in request.GET,
        "scenarios": _scenarios(simulation, wanted),
    }
    if request.headers.get("HX-Request") != "true":
        context |= _instrument(simulation, given, refused)
        return render(request, "sandboxes/sandbox.html", context, status=400 if refused else 200)
    if wanted is None:
        return render(request, "sandboxes/refusal.html", context, status=422)
    if request.GET.get(EMBED) == "new":
        return render(request, "sandboxes/embed.html", context | _embedded_instrument(wanted, given))
    response = render(request, "sandboxes/answer.html", context)
    if not context["embedded"]:
        response["HX-Replace-Url"] = context["address"]
    return response


@require_safe
def chart_csv(request: HttpRequest, slug: str, chart: str) -> HttpResponse:
    """The numbers behind one chart of the run that the address describes."""
    simulation = _simulation_or_404(slug)
    wanted, refused = _wanted(simulation, _given(simulation, request.GET)[0])
    if wanted is None:
        return HttpResponse(f"{refused}\n", status=400, content_type="text/plain; charset=utf-8")
    answer = exports.as_csv(services.run(wanted, WAIT_S), chart)
    if answer is None:
        raise Http404(f"The sandbox {slug} has no chart called {chart}.")
    return answer


def _instrument(
    simulation: Simulation[Any, Any], given: Mapping[str, str], refused: BadParams | None
) -> dict[str, Any]:
    start = {**simulation.params().model_dump(mode="json"), SEED: services.DEFAULT_SEED}
    return {
        "groups": grouped(controls(simulation, given, refused, start)),
        "model_facts": simulation.model_facts,
    }


def _embedded_instrument(wanted: services.Run, given: Mapping[str, str]) -> dict[str, Any]:
    """The knobs that the surrounding page set come first; "Back to" leads to what it set."""
    members = controls(wanted.simulation, given, None, {**wanted.settings, SEED: wanted.seed})
    return {
        "named": [("This experiment", [control for control in members if control.name in given])],
        "groups": grouped(control for control in members if control.name not in given),
    }


def _simulation_or_404(slug: str) -> Simulation[Any, Any]:
    try:
        return catalogue.simulation(slug)
    except KeyError as error:
        raise Http404(f"There is no sandbox called {slug}.") from error


def _given(simulation: Simulation[Any, Any], query: QueryDict) -> tuple[dict[str, str], list[str]]:
    """What the reader asked for, and the names that mean nothing here.

    Links pick up names on their way through mail and social sites, so those are told and not refused.
    """
    known = {*simulation.params.model_fields, SEED}
    values = {name: str(value) for name, value in query.items() if name not in (EMBED, POLL, SCOPE)}
    given = {name: value for name, value in values.items() if name in known}
    return given, sorted(values.keys() - known)


def _wanted(simulation: Simulation[Any, Any], given: Mapping[str, str]) -> tuple[services.Run | None, BadParams | None]:
    """The run that `given` describes, or what is wrong with it."""
    problems: tuple[Problem, ...] = ()
    seed, params = services.DEFAULT_SEED, None
    try:
        seed = _seed(given.get(SEED, ""))
    except BadParams as error:
        problems = error.problems
    try:
        params = simulation.parse({name: value for name, value in given.items() if name != SEED})
    except BadParams as error:
        problems += error.problems
    if problems or params is None:
        return None, BadParams(problems)
    return services.Run(simulation, params, seed), None


def _seed(text: str) -> int:
    return parse_seed(text) if text else services.DEFAULT_SEED


def _address(wanted: services.Run) -> str:
    """The run's shortest address: only what differs from the defaults is named."""
    return reverse("sandbox", args=[wanted.simulation.slug]) + _query(wanted)


def _query(wanted: services.Run) -> str:
    differences = _differences(wanted.simulation, wanted.settings)
    if wanted.seed != services.DEFAULT_SEED:
        differences[SEED] = str(wanted.seed)
    return f"?{urlencode(differences)}" if differences else ""


def _differences(simulation: Simulation[Any, Any], settings: Mapping[str, Any]) -> dict[str, str]:
    defaults = simulation.params().model_dump(mode="json")
    return {name: plain(value) for name, value in settings.items() if value != defaults[name]}


def _scenarios(simulation: Simulation[Any, Any], wanted: services.Run | None) -> list[dict[str, Any]]:
    """The named settings: title, what to look for, address, and whether this run is that one."""
    runs = [
        (scenario, services.Run(simulation, simulation.parse(scenario.params))) for scenario in simulation.scenarios
    ]
    return [
        {
            "title": scenario.title,
            "look_for": scenario.look_for,
            "address": _address(run),
            "current": wanted is not None and run.params == wanted.params,
        }
        for scenario, run in runs
    ]


def _scope(request: HttpRequest) -> str:
    """A prefix for ids, so that several sandboxes embedded in one page do not clash."""
    asked = request.GET.get(SCOPE, "")
    return asked if re.fullmatch(r"try-[0-9]{1,3}", asked) else "run"
