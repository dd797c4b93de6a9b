"""What a simulation declares: its parameters, its run, its metrics, its charts.

A simulation is a pure function of (slug, version, parameters, seed). This module holds the nouns that every
simulation is described in, so that the form, the help, the address, the command line and the page are all built
from one declaration.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from types import ModuleType
from typing import Any, Generic, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

from sandboxes.simulations.checks import Check
from sandboxes.simulations.replays import Replay
from sandboxes.simulations.streams import LARGEST_SEED


class Params(BaseModel):
    """The parameters of one simulation. Immutable; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    @field_validator("*", mode="after")
    @classmethod
    def _each_number_is_within(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, Numbers):
            value.check(_knob_of(str(info.field_name), cls.model_fields[str(info.field_name)]))
        return value


class Numbers(str):
    """A parameter that is a short list of numbers, such as one for each node: "1,1,2", as it stands in an address."""

    __slots__ = ()

    @property
    def values(self) -> tuple[float, ...]:
        return tuple(float(number) for number in self.split(",") if number)

    def check(self, described: Knob) -> None:
        """Raises ValueError for too many numbers, or too few, or one out of bounds."""
        if not described.fewest <= len(self.values) <= described.most:
            raise ValueError("wrong length")
        if any(not described.low <= number <= described.high for number in self.values):  # type: ignore[operator]
            raise ValueError("out of bounds")

    @classmethod
    def read(cls, text: str) -> Numbers:
        """The list that was typed, written in the one way: "1, 2.0," is "1,2". Raises ValueError for what is none."""
        typed = [part.strip() for part in text.split(",")]
        if not typed[-1]:
            typed.pop()  # nothing at all, or a comma at the end
        numbers = [float(part) for part in typed]
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError("not finite")
        return cls(",".join(f"{number:.10g}" for number in numbers))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls.read, core_schema.str_schema())


@dataclass(frozen=True)
class Knob:
    """How a parameter appears to a person. Built by `knob`, read from the field's metadata."""

    label: str
    group: str
    unit: str = ""
    help: str = ""
    low: float | None = None
    high: float | None = None
    step: float | None = None
    shown_when: Mapping[str, Sequence[str]] = field(default_factory=dict)
    fewest: int = 0  # numbers in a list
    most: int = 0
    hidden_when: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def has_effect(self, settings: Mapping[str, str]) -> bool:
        """Whether it does anything beside these settings, written as in an address."""
        shown = all(settings[name] in values for name, values in self.shown_when.items())
        hidden = self.hidden_when and all(settings[name] in values for name, values in self.hidden_when.items())
        return shown and not hidden


def numbers(
    default: str,
    *,
    label: str,
    group: str,
    low: float,
    high: float,
    most: int,
    fewest: int = 0,
    unit: str = "",
    help: str = "",
    shown_when: Mapping[str, Sequence[str]] | None = None,
) -> Any:
    """Like `knob`, for a parameter of type `Numbers`: `fewest` to `most` numbers, each from `low` to `high`."""
    described = Knob(label, group, unit, help, low, high, None, shown_when or {}, fewest, most)
    return Field(default, json_schema_extra={"knob": described})  # type: ignore[dict-item]


def knob(
    default: Any,
    *,
    label: str,
    group: str,
    unit: str = "",
    help: str = "",
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    shown_when: Mapping[str, Sequence[str]] | None = None,
    hidden_when: Mapping[str, Sequence[str]] | None = None,
) -> Any:
    """One parameter's only declaration: default, bounds, label, unit and help.

    Numbers take `low`, `high` (both inclusive) and `step`; a choice is a `Choice` enum; a switch is a bool.
    `shown_when` names the values of another parameter for which this one has an effect: {"kind": ["count"]}; of
    several all must fit. `hidden_when` names those for which it has none, if all fit.
    """
    described = Knob(label, group, unit, help, low, high, step, shown_when or {}, hidden_when=hidden_when or {})
    # pydantic keeps what it does not know of as json_schema_extra; `knobs` reads it back.
    return Field(default, ge=low, le=high, json_schema_extra={"knob": described})  # type: ignore[dict-item]


class Choice(StrEnum):
    """A parameter with a fixed set of values. Members carry the words a person reads.

    class Kind(Choice):
        COUNT = "count", "Last N calls"
    """

    label: str

    def __new__(cls, value: str, label: str) -> Choice:
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member


class Better(StrEnum):
    """Which direction of a metric is good for the learner's system."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


@dataclass(frozen=True)
class Metric:
    """A headline number: a name with its unit (`p99_ms`), what it means, and which way is better.

    A value whose unit is % is a fraction, 0 to 1, shown a hundredfold; no other is below 0 either. `digits` are shown
    after the point, except for times, which are told in the unit that fits. `undefined` is what a person reads where a
    run has no value. `headline` is whether it stands among the first numbers, or the settings in which it does:
    {"kind": ["count"]}. One that is `measured` is read from the clock of the machine that ran it, and differs from run
    to run; nothing else does.
    """

    name: str
    label: str
    unit: str
    meaning: str
    better: Better = Better.NEITHER
    digits: int = 1
    headline: bool | Mapping[str, Sequence[str]] = True
    undefined: str = "–"
    measured: bool = False

    def within(self, value: float) -> float:
        """`value`, or the bound it is beyond: an interval by Student's t knows nothing of bounds."""
        return min(max(value, 0.0), 1.0) if self.unit == "%" else max(value, 0.0)

    def leads(self, settings: Mapping[str, Any]) -> bool:
        """Whether it stands among the first numbers of a run with these settings."""
        if isinstance(self.headline, bool):
            return self.headline
        return all(str(settings[name]) in values for name, values in self.headline.items())

    @property
    def scale(self) -> float:
        """What a value is multiplied by where it is shown in its unit."""
        return 100.0 if self.unit == "%" else 1.0


@dataclass(frozen=True)
class Curve:
    """One line of a chart that can be averaged over seeds; None where a run has no value."""

    name: str
    colour: str  # a name of the palette
    y: tuple[float | None, ...]


@dataclass(frozen=True)
class Curves:
    """A chart's lines on a grid `x` that depends on the parameters alone, so that runs of other seeds can be averaged.

    `note` says what the mean is of; the axes are Plotly's, with the unit in their title or ticks; `x_column` heads the
    column of x in the table.
    """

    x: tuple[float, ...]
    lines: tuple[Curve, ...]
    note: str
    yaxis: Mapping[str, Any] = field(default_factory=dict)
    xaxis: Mapping[str, Any] = field(default_factory=lambda: {"ticksuffix": " s"})
    x_column: str = "Time (s)"


@dataclass(frozen=True)
class Overlay:
    """What a run leaves on another run's chart when it is that run's baseline.

    `traces` are drawn over the other run's, told apart by more than colour. `layout` are changes to its layout: ranges
    of axes grow to hold both runs, everything else replaces what was there. `keys` say what the traces are.
    """

    traces: tuple[Mapping[str, Any], ...]
    layout: Mapping[str, Any] = field(default_factory=dict)
    keys: tuple[tuple[str, str], ...] = ()  # legend: (words, palette colour name)


@dataclass(frozen=True)
class Chart:
    """One picture and the same numbers as a table, for those who cannot see the picture.

    `rows` hold one value per column; None stands for "no value" (a rate over no calls, say). `curves` makes what
    replications average; None for a chart that has nothing to average. `overlay` makes what this run leaves on another
    run's chart as its baseline. Each is called only where it is wanted.
    """

    name: str
    title: str
    note: str
    figure: Mapping[str, Any]  # Plotly's JSON: data and layout, of plain values
    columns: tuple[str, ...]
    rows: tuple[tuple[float | str | None, ...], ...]
    keys: tuple[tuple[str, str], ...] = ()  # legend: (words, palette colour name)
    height_px: int = 240
    curves: Callable[[], Curves] | None = None
    overlay: Callable[[], Overlay] | None = None


@dataclass(frozen=True)
class Scenario:
    """A named setting worth seeing: parameters that differ from the defaults, and what to look for."""

    slug: str
    title: str
    look_for: str
    params: Mapping[str, Any]


@dataclass(frozen=True)
class SweepIdea:
    """A sweep worth seeing: parameters that differ from the defaults, the axes as an address names them, and why.

    `axes` is {"x": "dead_s", "x_from": "1", ...}, see sandboxes.sweeps.
    """

    title: str
    look_for: str
    params: Mapping[str, Any]
    axes: Mapping[str, str]


P = TypeVar("P", bound=Params)
R = TypeVar("R")


@dataclass(frozen=True)
class Simulation(Generic[P, R]):
    """Everything the house needs to know about one simulation.

    run(params, seed)   the pure model; the same arguments give the same result, bit for bit
    measure(result)     {metric name: value or None where it is undefined}, one per declared metric
    charts(result)      the pictures, top to bottom
    explain(result)     one or two plain sentences on what just happened, computed from the run
    requests(params)    how many requests one run simulates, for the bound on the size of a run
    sized_in, smaller   what `requests` counts, and how to have fewer of them, in the words of a refusal
    compiled_by         the settings whose runs compile, all together, every kernel there is
    replay(result)      the run frame by frame; None for a simulation that has no mechanism to watch
    folded              groups of knobs that a page shows folded up, for those who come to the first ones' end
    """

    slug: str
    title: str
    category: str
    summary: str
    version: int
    model: ModuleType
    params: type[P]
    run: Callable[[P, int], R]
    metrics: tuple[Metric, ...]
    measure: Callable[[R], dict[str, float | None]]
    charts: Callable[[R], tuple[Chart, ...]]
    explain: Callable[[R], str]
    requests: Callable[[P], int]
    max_requests: int
    sized_in: str = "requests"
    smaller: str = "fewer arrivals, or a shorter run"
    compiled_by: tuple[Mapping[str, Any], ...] = ({},)
    scenarios: tuple[Scenario, ...] = ()
    sweeps: tuple[SweepIdea, ...] = ()
    checks: tuple[Check, ...] = ()
    replay: Callable[[R], Replay] | None = None
    folded: tuple[str, ...] = ()

    @cached_property
    def knobs(self) -> Mapping[str, Knob]:
        """Parameter name -> Knob, in the order of declaration."""
        return knobs(self.params)

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """Every parameter's default, as a plain JSON value."""
        return self.params().model_dump(mode="json")

    @cached_property
    def scenario_settings(self) -> tuple[tuple[Scenario, Mapping[str, Any]], ...]:
        """Each scenario with all its parameters, as plain JSON values."""
        return tuple((one, self.parse(one.params).model_dump(mode="json")) for one in self.scenarios)

    @property
    def has_replay(self) -> bool:
        """For templates, which would call `replay` itself."""
        return self.replay is not None

    @property
    def model_facts(self) -> tuple[tuple[str, str], ...]:
        """What the model's docstring says of itself: (Model | Claim | Left out | Source, words), in its order."""
        return tuple(_facts(self.model.__doc__ or ""))

    def parse(self, values: Mapping[str, Any]) -> P:
        """The parameter set for `values` (names to numbers or strings), defaults for what is missing.

        Raises BadParams with one line per bad name or value.
        """
        try:
            params = self.params.model_validate(dict(values))
        except ValidationError as error:
            raise BadParams(tuple(_problem(self.params, item) for item in error.errors())) from None
        asked = self.requests(params)
        if asked > self.max_requests:
            raise BadParams(
                (
                    Problem(
                        None,
                        f"this run has about {asked:,} {self.sized_in}; use at most {self.max_requests:,}: "
                        f"{self.smaller}",
                    ),
                )
            )
        return params


def _facts(docstring: str) -> Iterator[tuple[str, str]]:
    """Paragraphs that begin with a term in its column; the lines below it continue the words."""
    for found in re.finditer(
        r"^(Model|Claim|Left out|Source) {2,}(.+(?:\n(?: {10,}.*|(?=\n {10})))*)", docstring, re.MULTILINE
    ):
        yield found[1], " ".join(found[2].split())


def parse_seed(text: str) -> int:
    """The seed that `text` spells. Raises BadParams for anything but a whole number from 0 to LARGEST_SEED."""
    if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) > LARGEST_SEED:
        message = f"seed is {_shown(text)}; use a whole number from 0 to {LARGEST_SEED}"
        raise BadParams((Problem("seed", message),))
    return int(text)


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a parameter set; `name` is None when it concerns several parameters together."""

    name: str | None
    message: str


class BadParams(ValueError):
    """Parameters that cannot be run. Each problem names the thing, the value and the allowed range."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


def knobs(params: type[Params]) -> dict[str, Knob]:
    """Parameter name -> Knob, in the order of declaration."""
    return {name: _knob_of(name, info) for name, info in params.model_fields.items()}


def _knob_of(name: str, info: FieldInfo) -> Knob:
    extra = info.json_schema_extra
    if not isinstance(extra, dict) or not isinstance(extra.get("knob"), Knob):
        raise TypeError(f"parameter {name} is not declared with knob(...)")
    return extra["knob"]  # type: ignore[return-value]


def _problem(params: type[Params], error: Any) -> Problem:
    """A pydantic error in our words."""
    name = str(error["loc"][0]) if error["loc"] else None
    value = error["input"]
    if name is None:
        return Problem(None, str(error["msg"]).removeprefix("Value error, "))
    if error["type"] == "extra_forbidden":
        return Problem(name, f"{name} is not a parameter; use {', '.join(params.model_fields)}")
    info = params.model_fields[name]
    return Problem(name, f"{name} is {_shown(value)}; use {allowed(info.annotation, _knob_of(name, info))}")


def _shown(value: object) -> str:
    return "empty" if value in ("", None) else str(value)[:40]


def allowed(kind: Any, described: Knob) -> str:
    """The allowed values of a parameter in words: '1 to 100', 'one of count, time'."""
    if isinstance(kind, type) and issubclass(kind, Choice):
        return "one of " + ", ".join(member.value for member in kind)
    if kind is bool:
        return "true or false"
    if kind is Numbers:
        few = f"{described.fewest} to {described.most}" if described.fewest else f"at most {described.most}"
        return f"{few} numbers from {_plain(described.low)} to {_plain(described.high)}, with commas between them"
    number = "a whole number from " if kind is int else ""
    return f"{number}{_plain(described.low)} to {_plain(described.high)}"


def _plain(bound: float | None) -> str:
    if bound is None:
        return "any"
    return f"{bound:g}" if bound != math.floor(bound) else f"{int(bound)}"
