"""`manage.py simulate circuit-breaker --set dead_s=60 --seed 7`: one run on the command line, no server needed.

`manage.py simulate circuit-breaker --check`: what the simulation is checked against, and exit code 1 if a check fails.
"""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sandboxes.simulations.catalogue import UnknownSimulationError, simulation
from sandboxes.simulations.checks import carry_out, report
from sandboxes.simulations.spec import BadParams, Metric, Simulation, parse_seed
from sandboxes.simulations.streams import LARGEST_SEED


class Command(BaseCommand):
    help = "Run a simulation once and print its metrics, or carry out its checks."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="which simulation, for example circuit-breaker")
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            dest="settings_given",
            metavar="NAME=VALUE",
            help="a parameter that differs from its default; may be given several times",
        )
        parser.add_argument("--seed", default=None, help=f"a whole number from 0 to {LARGEST_SEED} (default 1)")
        parser.add_argument("--json", action="store_true", help="print JSON instead of text")
        parser.add_argument(
            "--check", action="store_true", help="carry out the simulation's checks; exit code 1 if one fails"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            chosen = simulation(options["slug"])
            if options["check"]:
                self._check(chosen, options)
                return
            params = chosen.parse(dict(_pair(given) for given in options["settings_given"]))
            seed = parse_seed("1" if options["seed"] is None else str(options["seed"]))
        except (UnknownSimulationError, BadParams, ValueError) as error:
            raise CommandError(str(error), returncode=2) from None
        result = chosen.run(params, seed)
        metrics = chosen.measure(result)
        if options["json"]:
            answer = {
                "simulation": chosen.slug,
                "version": chosen.version,
                "params": params.model_dump(mode="json"),
                "seed": seed,
                "metrics": metrics,
            }
            self.stdout.write(json.dumps(answer, indent=2))
            return
        self.stdout.write(f"{chosen.title}, version {chosen.version}, seed {seed}\n\n")
        self.stdout.write(_table(chosen.metrics, metrics))
        self.stdout.write(f"\n{chosen.explain(result)}")

    def _check(self, chosen: Simulation[Any, Any], options: dict[str, Any]) -> None:
        if options["settings_given"] or options["seed"] is not None:
            raise ValueError("--check takes no --set and no --seed: the checks choose their own")
        checked = report(carry_out(chosen.checks))
        self.stdout.write(json.dumps(checked, indent=2) if options["json"] else _checks_table(checked["checks"]))
        failed = sum(not check["passed"] for check in checked["checks"])
        if failed:
            raise CommandError(f"{failed} of {len(checked['checks'])} checks failed", returncode=1)


def _pair(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not name.strip() or not equals:
        raise ValueError(f"--set {given} is not NAME=VALUE, for example --set dead_s=60")
    return name.strip(), value.strip()


def _table(declared: tuple[Metric, ...], values: dict[str, float | None]) -> str:
    """One line per metric: label, value and unit, with the values' ends under one another."""
    shown = [_shown(metric, values[metric.name]) for metric in declared]
    labels = max(len(metric.label) for metric in declared)
    numbers = max(len(number) for number in shown)
    lines = [
        f"{metric.label:<{labels}}  {number:>{numbers}} {metric.unit}".rstrip()
        for metric, number in zip(declared, shown, strict=True)
    ]
    return "\n".join(lines) + "\n"


def _checks_table(checks: list[dict[str, Any]]) -> str:
    """One paragraph per check, below the heading of its group."""
    lines = []
    for group, members in groupby(checks, key=lambda check: check["group"]):
        lines.append(f"{group[0].upper()}{group[1:]}\n")
        for check in members:
            source = check["source"]
            lines += [
                f"  {'passed' if check['passed'] else 'FAILED'}  {check['name']}. {check['claim']}",
                f"          expected  {check['expected']}  ({check['tolerance']})",
                f"          measured  {check['measured']}",
                f"          source    {source['title']} {source['url']}".rstrip() + "\n",
            ]
    return "\n".join(lines)


def _shown(metric: Metric, value: float | None) -> str:
    return "–" if value is None else f"{value * metric.scale:,.{metric.digits}f}"
