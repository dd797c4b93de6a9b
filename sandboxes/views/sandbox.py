"""The sandboxes: a list of them, and one page each whose address is the run it shows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from secrets import token_hex
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from sandboxes import addresses, exports, services
from sandboxes.addresses import EMBED, POLL, SEED
from sandboxes.forms import controls, grouped, worded
from sandboxes.presentation import present
from sandboxes.simulations import catalogue
from sandboxes.simulations.spec import BadParams, Params, Scenario, Simulation

WAIT_S = 2.0
POLL_WAIT_S = 0.4


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
    simulation = addresses.simulation_or_404(slug)
    given, ignored = addresses.given(simulation, request.GET)
    wanted, refused = addresses.wanted(simulation, given)
    outcome = services.run(wanted, POLL_WAIT_S if POLL in request.GET else WAIT_S) if wanted else None
    if exports.wants_json(request):
        return exports.as_json(outcome, refused)
    context: dict[str, Any] = {
        "simulation": simulation,
        "problems": [worded(simulation, problem) for problem in refused.problems] if refused else [],
        "ignored": ignored,
        "outcome": outcome,
        "presented": present(simulation, outcome.result) if isinstance(outcome, services.Ready) else None,
        "address": addresses.address(wanted) if wanted else request.get_full_path(),
        "query": addresses.query(wanted) if wanted else "",
        "command": exports.command(wanted) if wanted else "",
        "scope": addresses.scope(request),
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
    simulation = addresses.simulation_or_404(slug)
    wanted, refused = addresses.wanted(simulation, addresses.given(simulation, request.GET)[0])
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


def _scenarios(simulation: Simulation[Any, Any], wanted: services.Run | None) -> list[dict[str, Any]]:
    """The named settings: title, what to look for, address, and whether this run is that one."""
    return [
        {
            "title": scenario.title,
            "look_for": scenario.look_for,
            "address": address,
            "current": wanted is not None and params == wanted.params,
        }
        for scenario, params, address in _scenario_runs(simulation.slug)
    ]


@cache
def _scenario_runs(slug: str) -> list[tuple[Scenario, Params, str]]:
    """Each scenario with its parameters and its address, which depend on code alone."""
    simulation = catalogue.simulation(slug)
    runs = [
        (scenario, services.Run(simulation, simulation.parse(scenario.params))) for scenario in simulation.scenarios
    ]
    return [(scenario, run.params, addresses.address(run)) for scenario, run in runs]
