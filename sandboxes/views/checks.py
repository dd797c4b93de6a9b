"""What a simulation was checked against: carried out anew by a worker, by the code that the tests run."""

from __future__ import annotations

from secrets import token_hex
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from sandboxes import addresses, exports, services
from sandboxes.simulations.spec import Simulation

WAIT_S = 1.0
POLL_WAIT_S = 0.2


@require_safe
@vary_on_headers("HX-Request", "Accept")
def checks(request: HttpRequest, slug: str) -> HttpResponse:
    """Every check of one simulation with its finding: a page, the panel alone for htmx, or JSON if rather wanted."""
    simulation = addresses.simulation_or_404(slug)
    wait_s = POLL_WAIT_S if addresses.POLL in request.GET else WAIT_S
    outcome = services.run(wanted(simulation), wait_s)
    if exports.wants_json(request):
        return JsonResponse(outcome.result) if isinstance(outcome, services.Ready) else exports.as_json(outcome, None)
    context: dict[str, Any] = {
        "simulation": simulation,
        "outcome": outcome,
        "answer_id": token_hex(4),
        "address": reverse("checks", args=[slug]),
        "alone": request.headers.get("HX-Request") != "true",
    }
    template = "sandboxes/checks.html" if context["alone"] else "sandboxes/checks_panel.html"
    return exports.refusable(outcome, render(request, template, context))


def wanted(simulation: Simulation[Any, Any]) -> services.Run:
    """The part of a run that the checks are. They hold for the code, so parameters and seed are the defaults."""
    return services.Run(simulation, simulation.parse({}), part=services.Part.CHECKS)
