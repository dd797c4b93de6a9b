"""What every simulation must declare, so that the engine can give it everything it gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandboxes.simulations.spec import Simulation, knobs

FACTS = ("Model", "Claim", "Left out", "Source")


def missing(simulation: Simulation[Any, Any]) -> list[str]:
    """What the simulation lacks, one line each; empty when it is complete."""
    return [
        *_of_its_knobs(simulation),
        *_of_its_model(simulation),
        *_of_its_run(simulation),
        *_of_its_checks(simulation),
    ]


def _of_its_knobs(simulation: Simulation[Any, Any]) -> Iterator[str]:
    declared = knobs(simulation.params)
    if not declared:
        yield "no parameters"
    for name, knob in declared.items():
        if not knob.label or not knob.group:
            yield f"{name} has no label or no group"
        if not knob.help.endswith("."):
            yield f"{name} has no sentence of help"
        for other, values in [*knob.shown_when.items(), *knob.hidden_when.items()]:
            kind = simulation.params.model_fields[other].annotation
            if not set(values) <= set(kind):
                yield f"{name} is shown when {other} has a value that does not exist"


def _of_its_model(simulation: Simulation[Any, Any]) -> Iterator[str]:
    facts = dict(simulation.model_facts)
    for term in FACTS:
        if not facts.get(term):
            yield f"the model's docstring has no {term}"


def _of_its_run(simulation: Simulation[Any, Any]) -> Iterator[str]:
    result = simulation.run(simulation.parse({}), 1)
    names = [metric.name for metric in simulation.metrics]
    if not names or list(simulation.measure(result)) != names or len(set(names)) < len(names):
        yield f"measures {list(simulation.measure(result))}, but declares {names}"
    for metric in simulation.metrics:
        if not metric.label or not metric.meaning.endswith("."):
            yield f"{metric.name} has no label or no sentence on its meaning"
    if not simulation.explain(result).endswith("."):
        yield "no sentence on what happened"
    charts = simulation.charts(result)
    if not charts or len({chart.name for chart in charts}) < len(charts):
        yield "no charts, or two of one name"
    for chart in charts:
        if not chart.title or not chart.figure["data"]:
            yield f"the chart {chart.name} has no title or shows nothing"
        if not chart.rows or {len(row) for row in chart.rows} != {len(chart.columns)}:
            yield f"the chart {chart.name} has no table, or rows that do not fit its columns"


def _of_its_checks(simulation: Simulation[Any, Any]) -> Iterator[str]:
    names = [check.name for check in simulation.checks]
    if not names or len(set(names)) < len(names):
        yield "no checks, or two of one name"
    for check in simulation.checks:
        if not check.group or not check.claim.endswith(".") or not check.source.title:
            yield f"the check {check.name} has no group, no claim in a sentence or no source"
