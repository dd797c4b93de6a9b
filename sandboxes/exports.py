"""A run outside its page: as JSON, as a chart's CSV, as a command line."""

from __future__ import annotations

import csv
from typing import TypeVar

from django.http import HttpRequest, HttpResponse, JsonResponse

from sandboxes.addresses import differences
from sandboxes.services import ASK_AGAIN_S, DEFAULT_SEED, Failed, Outcome, Ready, Run
from sandboxes.simulations.spec import BadParams

Answer = TypeVar("Answer", bound=HttpResponse)
KEYS = ("simulation", "version", "params", "seed", "metrics", "explanation")


def wants_json(request: HttpRequest) -> bool:
    """Whether whoever asks would rather have JSON than a page."""
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def as_json(outcome: Outcome | None, refused: BadParams | None) -> JsonResponse:
    """The run without its pictures: 200; 202 while a worker is at it; 422 for what cannot be run; else 429 or 503."""
    if isinstance(outcome, Ready):
        return JsonResponse({key: outcome.result[key] for key in KEYS})
    if refused:
        problems = [{"name": problem.name, "message": problem.message} for problem in refused.problems]
        return JsonResponse({"problems": problems}, status=422)
    if isinstance(outcome, Failed):
        return as_refusal(outcome, JsonResponse({"reason": outcome.reason}))
    return _again_after(ASK_AGAIN_S, JsonResponse({"reason": "A worker is at it."}, status=202))


def as_csv(outcome: Outcome, name: str) -> HttpResponse | None:
    """The numbers of the chart called `name`, one line per row; None where the result has no such chart."""
    if isinstance(outcome, Failed):
        return as_refusal(outcome, HttpResponse(f"{outcome.reason}\n", content_type="text/plain; charset=utf-8"))
    if not isinstance(outcome, Ready):
        waiting = HttpResponse("A worker is at it; ask again.\n", status=503, content_type="text/plain")
        return _again_after(ASK_AGAIN_S, waiting)
    chart = next((chart for chart in outcome.result["charts"] if chart["name"] == name), None)
    if chart is None:
        return None
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{outcome.result["simulation"]}-{name}.csv"'
    lines = csv.writer(response)
    lines.writerow(chart["columns"])
    lines.writerows(chart["rows"])
    return response


def command(wanted: Run) -> str:
    """The command line that makes the same run."""
    words = [f"--set {name}={value}" for name, value in differences(wanted).items()]
    words += [f"--seed {wanted.seed}"] if wanted.seed != DEFAULT_SEED else []
    return " ".join(["manage.py simulate", wanted.simulation.slug, *words])


def as_refusal(failed: Failed, response: Answer) -> Answer:
    """`response` as HTTP says that there is no answer: 429 or 503, and when to ask again if that may help."""
    response.status_code = 429 if failed.too_many else 503
    return _again_after(failed.again_s, response) if failed.again else response


def _again_after(wait_s: int, response: Answer) -> Answer:
    response["Retry-After"] = str(wait_s)
    return response
