"""A run's address: what a query string asks for, and the shortest one that asks for a run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, QueryDict
from django.urls import reverse

from sandboxes.forms import plain
from sandboxes.services import DEFAULT_SEED, Run
from sandboxes.simulations import catalogue
from sandboxes.simulations.spec import BadParams, Params, Problem, Simulation, parse_seed

SEED, EMBED, POLL, SCOPE, BASELINE = "seed", "embed", "poll", "scope", "baseline"
# Names in the address that say how to answer, and nothing about the run.
MANNERS = (EMBED, POLL, SCOPE)


def simulation_or_404(slug: str) -> Simulation[Any, Any]:
    """The simulation with this slug. Raises Http404 naming it."""
    try:
        return catalogue.simulation(slug)
    except KeyError as error:
        raise Http404(f"There is no sandbox called {slug}.") from error


def given(simulation: Simulation[Any, Any], query: QueryDict, *others: str) -> tuple[dict[str, str], list[str]]:
    """What the reader asked for, and the names that mean nothing here; `others` mean something besides parameters.

    Links pick up names on their way through mail and social sites, so those are told and not refused.
    """
    known = {*simulation.params.model_fields, SEED}
    values = {name: str(value) for name, value in query.items() if name not in (*MANNERS, *others)}
    asked = {name: value for name, value in values.items() if name in known}
    return asked, sorted(values.keys() - known)


def wanted(simulation: Simulation[Any, Any], asked: Mapping[str, str]) -> tuple[Run | None, BadParams | None]:
    """The run that `asked` describes, or what is wrong with it."""
    problems: tuple[Problem, ...] = ()
    seed, params = DEFAULT_SEED, None
    try:
        seed = _seed(asked.get(SEED, ""))
    except BadParams as error:
        problems = error.problems
    try:
        params = simulation.parse({name: value for name, value in asked.items() if name != SEED})
    except BadParams as error:
        problems += error.problems
    if problems or params is None:
        return None, BadParams(problems)
    return Run(simulation, params, seed), None


def baseline(simulation: Simulation[Any, Any], query: QueryDict) -> tuple[Params | None, BadParams | None]:
    """The parameters that the address pins as a baseline, or what is wrong with them; neither where it pins none.

    `baseline=` holds what differs from the defaults as a query string of its own; empty, it is the defaults. It holds
    no seed: a baseline is run with the seeds of whatever is compared with it, so that both meet the same traffic.
    """
    text = query.get(BASELINE)
    if text is None:
        return None, None
    try:
        return simulation.parse(dict(QueryDict(str(text)).items())), None
    except BadParams as error:
        return None, error


def pin(simulation: Simulation[Any, Any], params: Params | None) -> dict[str, str]:
    """What pins these parameters as the baseline, for `query` and `address`; nothing for None."""
    return {} if params is None else {BASELINE: urlencode(differences(Run(simulation, params)))}


def address(run: Run, **others: str) -> str:
    """The run's shortest address: only what differs from the defaults is named; `others` come last."""
    return reverse("sandbox", args=[run.simulation.slug]) + query(run, **others)


def query(run: Run, **others: str) -> str:
    """The address's query with its question mark, or "" when everything is at its default; `others` come last."""
    named = differences(run)
    if run.seed != DEFAULT_SEED:
        named[SEED] = str(run.seed)
    named |= others
    return f"?{urlencode(named)}" if named else ""


def differences(run: Run) -> dict[str, str]:
    """The parameters that are not at their default, as they are typed."""
    return {name: plain(value) for name, value in run.settings.items() if value != run.simulation.defaults[name]}


def scope(request: HttpRequest) -> str:
    """A prefix for ids, so that several sandboxes embedded in one page do not clash."""
    asked = request.GET.get(SCOPE, "")
    return asked if re.fullmatch(r"try-[0-9]{1,3}", asked) else "run"


def _seed(text: str) -> int:
    return parse_seed(text) if text else DEFAULT_SEED
