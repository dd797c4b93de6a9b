"""A run frame by frame: a player for who has scripts, its key moments as a list for everybody."""

from __future__ import annotations

from secrets import token_hex
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from sandboxes import addresses, exports, services
from sandboxes.addresses import POLL
from sandboxes.services import Part, Run
from sandboxes.views.sandbox import POLL_WAIT_S, WAIT_S

SPEEDS = ("0.25", "0.5", "1", "2", "4", "8")


@require_safe
@vary_on_headers("HX-Request")
def replay(request: HttpRequest, slug: str) -> HttpResponse:
    """The replay of the run that the address describes: a page of its own, or the player alone for htmx.

    Settings that cannot be run lead to the sandbox, which says why. Raises Http404 where nothing can be replayed.
    """
    simulation = addresses.simulation_or_404(slug)
    if simulation.replay is None:
        raise Http404(f"The sandbox {slug} has no replay.")
    wanted, _ = addresses.wanted(simulation, addresses.given(simulation, request.GET)[0])
    if wanted is None:
        return redirect(f"{reverse('sandbox', args=[slug])}?{request.GET.urlencode()}")
    run = Run(wanted.simulation, wanted.params, wanted.seed, Part.REPLAY)
    outcome = services.run(run, POLL_WAIT_S if POLL in request.GET else WAIT_S, request)
    context: dict[str, Any] = {
        "simulation": simulation,
        "outcome": outcome,
        "replay": _presented(outcome.result) if isinstance(outcome, services.Ready) else None,
        "address": addresses.address(wanted),
        "query": addresses.query(wanted),
        "scope": addresses.scope(request),
        "speeds": SPEEDS,
        "answer_id": token_hex(4),
        "alone": request.headers.get("HX-Request") != "true",
    }
    if not context["alone"]:
        return exports.refusable(outcome, render(request, "sandboxes/replay.html", context))
    page = exports.refusable(outcome, render(request, "sandboxes/replay_page.html", context))
    if isinstance(outcome, services.Waiting) or (isinstance(outcome, services.Failed) and outcome.again):
        # A page of its own asks again without scripts.
        page["Refresh"] = str(exports.seconds_to_wait(outcome))
    return page


def _presented(result: Any) -> dict[str, Any]:
    """The pictures, the frames for the player, and those worth stopping at with their numbers."""
    frames = result["frames"]
    return {
        "pictures": result["pictures"],
        "frames": frames,
        "note": result["note"],
        "last": len(frames) - 1,
        "moments": [(number, frame) for number, frame in enumerate(frames) if frame.get("key")],
    }
