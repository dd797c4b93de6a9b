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

from sandboxes import addresses, exports, naming, services
from sandboxes.addresses import BASELINE, EMBED, POLL, SEED
from sandboxes.comparison import compared
from sandboxes.experiment_forms import blank
from sandboxes.forms import Group, controls, grouped, worded
from sandboxes.presentation import facts, present
from sandboxes.simulations import catalogue
from sandboxes.simulations.spec import BadParams, Scenario, Simulation

WAIT_S = 2.0
POLL_WAIT_S = 0.4


@require_safe
def library(request: HttpRequest) -> HttpResponse:
    """Every sandbox there is, with its scenarios as ways in."""
    shelf = [(simulation, _scenarios(simulation, None, {})) for simulation in catalogue.CATALOGUE]
    return render(request, "sandboxes/library.html", {"shelf": shelf})


@require_safe
@vary_on_headers("HX-Request", "Accept")
def sandbox(request: HttpRequest, slug: str) -> HttpResponse:
    """One sandbox with the run its address describes.

    A plain request gets the page, or the run as JSON if it would rather; htmx gets the answer alone, or what is
    wrong (422), or why there is no answer (429, 503), or with `embed=new` a sandbox to stand inside another page.
    """
    simulation = addresses.simulation_or_404(slug)
    given, ignored = addresses.given(simulation, request.GET, BASELINE)
    wanted, refused = addresses.wanted(simulation, given)
    # A sandbox inside another page has no address to hold a baseline.
    pinned, unpinnable = (None, None) if EMBED in request.GET else addresses.baseline(simulation, request.GET)
    pin = addresses.pin(simulation, pinned)
    wait_s = POLL_WAIT_S if POLL in request.GET else WAIT_S
    outcome, comparison = compared(wanted, pinned, wait_s, request) if wanted else (None, None)
    if exports.wants_json(request):
        return exports.as_json(outcome, refused, comparison, unpinnable)
    context: dict[str, Any] = {
        "simulation": simulation,
        "problems": [worded(simulation, problem) for problem in refused.problems] if refused else [],
        "ignored": ignored,
        "outcome": outcome,
        "failed": outcome if isinstance(outcome, services.Failed) else None,
        "presented": present(simulation, outcome.result, comparison.before if comparison else None)
        if isinstance(outcome, services.Ready)
        else None,
        "comparison": comparison,
        "pin": pin,
        "unpinnable": [worded(simulation, problem) for problem in unpinnable.problems] if unpinnable else [],
        "address": addresses.address(wanted, **pin) if wanted else request.get_full_path(),
        "query": addresses.query(wanted) if wanted else "",
        "run_query": addresses.query(wanted, **pin) if wanted else "",
        "command": exports.command(wanted) if wanted else "",
        "scope": addresses.scope(request),
        "save_form": blank(addresses.address(wanted, **pin), addresses.scope(request), naming.title(wanted))
        if wanted
        else None,
        "answer_id": token_hex(4),
        "run_title": naming.title(wanted) if wanted else "",
        "embedded": EMBED in request.GET,
        "scenarios": _scenarios(simulation, wanted, pin),
    }
    if request.headers.get("HX-Request") != "true":
        context |= _instrument(simulation, given, refused)
        page = render(request, "sandboxes/sandbox.html", context, status=400 if refused else 200)
        return exports.as_refusal(outcome, page) if isinstance(outcome, services.Failed) else page
    if wanted is None:
        return render(request, "sandboxes/refusal.html", context, status=422)
    if request.GET.get(EMBED) == "new":
        embed = render(request, "sandboxes/embed.html", context | _embedded_instrument(wanted, given))
        return exports.as_refusal(outcome, embed) if isinstance(outcome, services.Failed) else embed
    response = _fragment(request, outcome, context)
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
    answer = exports.as_csv(services.run(wanted, WAIT_S, request), chart)
    if answer is None:
        raise Http404(f"The sandbox {slug} has no chart called {chart}.")
    return answer


def _fragment(request: HttpRequest, outcome: services.Outcome | None, context: Mapping[str, Any]) -> HttpResponse:
    if isinstance(outcome, services.Failed):
        return exports.as_refusal(outcome, render(request, "sandboxes/notice.html", dict(context)))
    return render(request, "sandboxes/answer.html", dict(context))


def _instrument(
    simulation: Simulation[Any, Any], given: Mapping[str, str], refused: BadParams | None
) -> dict[str, Any]:
    start = {**simulation.defaults, SEED: services.DEFAULT_SEED}
    return {
        "groups": grouped(controls(simulation, given, refused, start), simulation.folded),
        "model_facts": facts(simulation),
    }


def _embedded_instrument(wanted: services.Run, given: Mapping[str, str]) -> dict[str, Any]:
    """The knobs that the surrounding page set come first; "Back to" leads to what it set."""
    members = controls(wanted.simulation, given, None, {**wanted.settings, SEED: wanted.seed})
    return {
        "named": [Group("This experiment", [control for control in members if control.name in given])],
        "groups": grouped((one for one in members if one.name not in given), wanted.simulation.folded),
    }


def _scenarios(
    simulation: Simulation[Any, Any], wanted: services.Run | None, pin: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The named settings: title, what to look for, address (a baseline stays), and whether this run is that one."""
    return [
        {
            "title": scenario.title,
            "look_for": scenario.look_for,
            "address": addresses.address(run, **pin) if pin else address,
            "current": wanted is not None and run.params == wanted.params,
        }
        for scenario, run, address in _scenario_runs(simulation.slug)
    ]


@cache
def _scenario_runs(slug: str) -> list[tuple[Scenario, services.Run, str]]:
    """Each scenario with its run and its address, which depend on code alone."""
    simulation = catalogue.simulation(slug)
    runs = [
        (scenario, services.Run(simulation, simulation.parse(scenario.params))) for scenario in simulation.scenarios
    ]
    return [(scenario, run, addresses.address(run)) for scenario, run in runs]
