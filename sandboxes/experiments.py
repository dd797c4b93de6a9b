"""Kept experiments: an address taken apart when it is saved, changed with care, and put together when it is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode, urlsplit

from django.db import transaction
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from sandboxes import addresses, naming
from sandboxes.addresses import SEED
from sandboxes.forms import plain, worded
from sandboxes.models import Experiment
from sandboxes.services import Run
from sandboxes.simulations import catalogue

MOST_EXPERIMENTS = 200
MOST_EXTRAS = 4_000  # characters


class NotAnExperiment(ValueError):
    """An address that nothing can be kept of, and why in words for a reader."""


class TooManyExperiments(Exception):
    """The learner has as many as one may have."""


class LearnerIsGone(Exception):
    """The learner was merged into an account, or deleted, while they saved."""


@dataclass(frozen=True)
class Place:
    """Where an address leads: a run, the kind of page that shows it, and the rest of the query."""

    run: Run
    page: Experiment.Page
    extras: str


@dataclass(frozen=True)
class Reopened:
    """A kept experiment as it is today: its address ("" when its sandbox is gone), its settings, what has changed."""

    experiment: Experiment
    title: str  # of the simulation
    address: str = ""
    settings: list[naming.Setting] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    is_older: bool = False

    @property
    def has_baseline(self) -> bool:
        return "baseline" in QueryDict(self.experiment.extras)


def read(address: str) -> Place:
    """What the address of a sandbox's page holds. Raises NotAnExperiment."""
    if not address.startswith(reverse("sandboxes")):
        raise NotAnExperiment("This is not the address of a run.")
    parts = urlsplit(address)
    steps = parts.path.removeprefix(reverse("sandboxes")).strip("/").split("/")
    slug, page = steps if len(steps) == 2 else (steps[0], Experiment.Page.RUN.value)
    if page not in Experiment.Page.values or parts.path != _path(slug, page):
        raise NotAnExperiment("This is not the address of a run.")
    try:
        simulation = catalogue.simulation(slug)
    except KeyError:
        raise NotAnExperiment(f"There is no sandbox called {slug[:80]}.") from None
    query = QueryDict(parts.query)
    asked, others = addresses.given(simulation, query)
    run, refused = addresses.wanted(simulation, asked)
    if run is None:
        problems = refused.problems if refused else ()
        raise NotAnExperiment(" ".join(f"{worded(simulation, problem)}." for problem in problems))
    extras = urlencode([(name, value) for name in others for value in query.getlist(name)])
    if len(extras) > MOST_EXTRAS:
        raise NotAnExperiment(
            f"The run's address has {len(extras):,} characters beside its knobs; use {MOST_EXTRAS:,}."
        )
    return Place(run, Experiment.Page(page), extras)


def keep(learner: User, place: Place, title: str, note: str) -> Experiment:
    """Save an experiment and return it; the very same one, saved twice, is kept once.

    Raises LearnerIsGone, or TooManyExperiments when there are MOST_EXPERIMENTS already.
    """
    run = place.run
    told = {"slug": run.simulation.slug, "seed": run.seed, "page": place.page, "extras": place.extras}
    words = {"title": title, "note": note}
    with transaction.atomic():
        # One learner's saves go one after another, and wait for a merge that moves them.
        locked = User.objects.select_for_update().filter(pk=learner.pk).first()
        if locked is None:
            raise LearnerIsGone
        for kept in Experiment.objects.filter(learner=locked, **told, **words):
            if kept.params == run.settings:
                return kept
        if Experiment.objects.filter(learner=locked).count() >= MOST_EXPERIMENTS:
            raise TooManyExperiments
        return Experiment.objects.create(
            learner=locked, version=run.simulation.version, params=run.settings, **told, **words
        )


def change(experiment: Experiment, seen_at: datetime, title: str, note: str) -> bool:
    """Change title and note, unless somebody has since `seen_at`: then nothing is changed and False is returned.

    `experiment` holds what is kept afterwards.
    """
    untouched = Experiment.objects.filter(pk=experiment.pk, changed_at=seen_at)
    changed = untouched.update(title=title, note=note, changed_at=timezone.now())
    experiment.refresh_from_db()
    return changed > 0 or (experiment.title, experiment.note) == (title, note)


def reopen(experiment: Experiment) -> Reopened:
    """The experiment with the address that shows it again, as far as its simulation still knows its parameters."""
    try:
        simulation = catalogue.simulation(experiment.slug)
    except KeyError:
        gone = f"The sandbox {experiment.slug} is no longer here, so this experiment cannot be opened."
        return Reopened(experiment, experiment.slug, problems=[gone])
    known = {name: value for name, value in experiment.params.items() if name in simulation.params.model_fields}
    problems = [f"{name} is no longer a knob of this sandbox." for name in experiment.params if name not in known]
    asked = {name: plain(value) for name, value in known.items()} | {SEED: str(experiment.seed)}
    run, refused = addresses.wanted(simulation, asked)
    if refused:
        problems += [f"{worded(simulation, problem)}." for problem in refused.problems]
        wrong = {problem.name for problem in refused.problems}
        asked = {name: value for name, value in asked.items() if name not in wrong}
        run, _ = addresses.wanted(simulation, asked)
    return Reopened(
        experiment,
        simulation.title,
        _address(experiment, run, asked),
        naming.turned(run) if run else [],
        problems,
        is_older=experiment.version < simulation.version,
    )


def _address(experiment: Experiment, run: Run | None, asked: Mapping[str, str]) -> str:
    """Where settings that fit no more together as they are lead, the sandbox itself says so."""
    query = addresses.query(run).removeprefix("?") if run else urlencode(asked)
    joined = "&".join(part for part in (query, experiment.extras) if part)
    return _path(experiment.slug, experiment.page) + (f"?{joined}" if joined else "")


def _path(slug: str, page: str) -> str:
    return f"{reverse('sandboxes')}{slug}/" + ("" if page == Experiment.Page.RUN else f"{page}/")
