"""Checks a reference to a sandbox, `slug?parameter=value&...`, against the simulation it names."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from sandboxes.simulations import catalogue
from sandboxes.simulations.spec import BadParams
from sandboxes.simulations.streams import LARGEST_SEED


@dataclass(frozen=True)
class SandboxLink:
    """A sandbox with settings; `problems` is empty when it can be opened as it stands."""

    slug: str
    query: str
    title: str
    problems: tuple[str, ...] = ()


def sandbox_link(reference: str) -> SandboxLink:
    """The sandbox that `reference` names, its query in canonical form, and every bad name or value in it."""
    slug, _, query = reference.partition("?")
    simulation = next((known for known in catalogue.CATALOGUE if known.slug == slug), None)
    if simulation is None:
        known_slugs = ", ".join(known.slug for known in catalogue.CATALOGUE)
        return SandboxLink(slug, "", slug, (f"{slug or 'without a name'} does not exist; use {known_slugs}",))
    values = dict(parse_qsl(query, keep_blank_values=True))
    canonical = urlencode(values)
    try:
        problems = _seed_problems(values.pop("seed", "0"))
        simulation.parse(values)
    except BadParams as error:
        problems += tuple(f"{slug}: {problem.message}" for problem in error.problems)
    return SandboxLink(slug, canonical, simulation.title, problems)


def _seed_problems(seed: str) -> tuple[str, ...]:
    if seed.isdecimal() and int(seed) <= LARGEST_SEED:
        return ()
    return (f"seed is {seed or 'empty'}; use a whole number from 0 to {LARGEST_SEED}",)
