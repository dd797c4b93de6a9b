"""Checks a reference to a sandbox, `slug?parameter=value&...`, against the simulation it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from sandboxes.simulations import catalogue
from sandboxes.simulations.spec import BadParams, Simulation, parse_seed


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
    problems = tuple(f"{slug}: {message}" for message in _problems(simulation, values))
    return SandboxLink(slug, urlencode(values), simulation.title, problems)


def _problems(simulation: Simulation[Any, Any], values: Mapping[str, str]) -> Iterator[str]:
    try:
        if "seed" in values:
            parse_seed(values["seed"])
    except BadParams as error:
        yield from (problem.message for problem in error.problems)
    try:
        simulation.parse({name: value for name, value in values.items() if name != "seed"})
    except BadParams as error:
        yield from (problem.message for problem in error.problems)
