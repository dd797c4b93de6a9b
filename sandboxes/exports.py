"""A run outside its page: as JSON, as a chart's CSV, as a command line."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse, JsonResponse

from sandboxes.addresses import BASELINE, differences
from sandboxes.batches import Standing
from sandboxes.comparison import Comparison, differences_in_metrics
from sandboxes.plans import Plan
from sandboxes.services import ASK_AGAIN_S, DEFAULT_SEED, Failed, Outcome, Ready, Run, Waiting
from sandboxes.simulations.spec import BadParams, Problem

Answer = TypeVar("Answer", bound=HttpResponse)
KEYS = ("simulation", "version", "params", "seed", "metrics", "explanation")


def wants_json(request: HttpRequest) -> bool:
    """Whether whoever asks would rather have JSON than a page."""
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def as_json(
    outcome: Outcome | None,
    refused: BadParams | None,
    comparison: Comparison | None = None,
    unpinnable: BadParams | None = None,
) -> JsonResponse:
    """The run without its pictures: 200; 202 while a worker is at it; 422 for what cannot be run; else 429 or 503.

    With a baseline in the address, the baseline and the differences as well, so all of it holds for both runs.
    """
    if refused or unpinnable:
        problems = (
            [{"name": problem.name, "message": problem.message} for problem in refused.problems] if refused else []
        )
        problems += [{"name": BASELINE, "message": f"baseline: {unpinnable}"}] if unpinnable else []
        return JsonResponse({"problems": problems}, status=422)
    baseline = comparison.outcome if comparison else None
    for needed in (outcome, baseline):
        if isinstance(needed, Failed):
            return as_refusal(needed, JsonResponse({"reason": needed.reason}))
    if not isinstance(outcome, Ready) or isinstance(baseline, Waiting):
        return _again_after(ASK_AGAIN_S, JsonResponse({"reason": "A worker is at it."}, status=202))
    answer = {key: outcome.result[key] for key in KEYS}
    if isinstance(baseline, Ready):
        answer["baseline"] = {key: baseline.result[key] for key in ("params", "metrics")}
        answer["differences"] = differences_in_metrics(outcome.result["metrics"], baseline.result["metrics"])
    return JsonResponse(answer)


def as_csv(outcome: Outcome, name: str) -> HttpResponse | None:
    """The numbers of the chart called `name`, one line per row; None where the result has no such chart."""
    if isinstance(outcome, Failed):
        return refused_file(outcome)
    if not isinstance(outcome, Ready):
        return not_yet()
    chart = next((chart for chart in outcome.result["charts"] if chart["name"] == name), None)
    if chart is None:
        return None
    return csv_file(f"{outcome.result['simulation']}-{name}", chart["columns"], chart["rows"])


def csv_file(name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """A file to keep; None is an empty cell."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    lines = csv.writer(response)
    lines.writerow(columns)
    lines.writerows(rows)
    return response


def not_yet() -> HttpResponse:
    """Instead of a file that has no numbers yet."""
    waiting = HttpResponse("A worker is at it; ask again.\n", status=503, content_type="text/plain")
    return _again_after(ASK_AGAIN_S, waiting)


def refused_file(failed: Failed) -> HttpResponse:
    """Instead of a file that cannot be had."""
    return as_refusal(failed, HttpResponse(f"{failed.reason}\n", content_type="text/plain; charset=utf-8"))


def many_as_json(plan: Plan | None, outcome: Standing | Failed | None, refused: BadParams | None) -> JsonResponse:
    """A batch's numbers: 200 when all are there, 202 while workers are at it; 422 for what cannot be run; 429; 503."""
    if isinstance(outcome, Standing) and plan:
        answer = JsonResponse(plan.as_json(outcome), status=200 if outcome.complete else 202)
        return answer if outcome.complete else _again_after(ASK_AGAIN_S, answer)
    if refused is None and outcome is None:
        refused = BadParams((Problem("x", "x is empty; use the name of a parameter"),))
    return as_json(outcome if isinstance(outcome, Failed) else None, refused)


def command(wanted: Run) -> str:
    """The command line that makes the same run."""
    words = [f"--set {name}={value}" for name, value in differences(wanted).items()]
    words += [f"--seed {wanted.seed}"] if wanted.seed != DEFAULT_SEED else []
    return " ".join(["manage.py simulate", wanted.simulation.slug, *words])


def refusable(outcome: Outcome | None, response: Answer) -> Answer:
    """`response`, as a refusal where there is no answer."""
    return as_refusal(outcome, response) if isinstance(outcome, Failed) else response


def seconds_to_wait(outcome: Outcome) -> int:
    """When to ask again."""
    return outcome.again_s if isinstance(outcome, Failed) else ASK_AGAIN_S


def as_refusal(failed: Failed, response: Answer) -> Answer:
    """`response` as HTTP says that there is no answer: 429 or 503, and when to ask again if that may help."""
    response.status_code = 429 if failed.too_many else 503
    return _again_after(failed.again_s, response) if failed.again else response


def _again_after(wait_s: int, response: Answer) -> Answer:
    response["Retry-After"] = str(wait_s)
    return response
