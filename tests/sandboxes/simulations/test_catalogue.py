from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from sandboxes.simulations.catalogue import CATALOGUE, simulation
from sandboxes.simulations.circuit_breaker.breaker import CLOSED, HALF_OPEN
from sandboxes.simulations.circuit_breaker.declaration import CIRCUIT_BREAKER
from sandboxes.simulations.circuit_breaker.explain import explain
from sandboxes.simulations.circuit_breaker.loop import advance
from sandboxes.simulations.circuit_breaker.measures import measure
from sandboxes.simulations.circuit_breaker.model import CircuitBreakerResult, run
from sandboxes.simulations.circuit_breaker.params import CircuitBreakerParams
from sandboxes.simulations.circuit_breaker.world import SLOW, SUCCEEDED
from sandboxes.simulations.spec import BadParams, Simulation, knob, knobs
from tests.sandboxes.simulations.declared import missing

SEEDS = range(5)


class Unexplained(CircuitBreakerParams):
    speed: int = knob(1, label="Speed", group="Breaker", low=0, high=2, shown_when={"kind": ("warp",)})


SETTINGS: dict[str, dict[str, Any]] = {
    **{scenario.slug: dict(scenario.params) for scenario in CIRCUIT_BREAKER.scenarios},
    "the store is gone": {
        "instances": 20,
        "state_kept": "shared",
        "store_writes": "conditional",
        "store_down_from_s": 5,
        "store_down_s": 10,
        "when_store_is_gone": "open",
    },
    "flapping": {
        "healthy_s": 15,
        "failing_s": 60,
        "dead_s": 0,
        "recovered_s": 15,
        "failing_error_percent": 40,
        "sliding_window_size_calls": 50,
        "wait_duration_in_open_state_s": 2,
        "permitted_number_of_calls_in_half_open_state": 2,
    },
    "too eager": {
        "healthy_s": 80,
        "dead_s": 0,
        "recovered_s": 0,
        "failure_rate_threshold": 20,
        "sliding_window_size_calls": 10,
        "minimum_number_of_calls": 5,
        "background_error_percent": 2,
    },
    "library defaults": {
        "arrival_rate_per_s": 2,
        "healthy_s": 60,
        "dead_s": 60,
        "recovered_s": 60,
        "slow_call_duration_threshold_s": 60,
        "minimum_number_of_calls": 100,
        "wait_duration_in_open_state_s": 60,
        "permitted_number_of_calls_in_half_open_state": 10,
    },
}


def measured(settings: str, seed: int, **changes: Any) -> dict[str, Any]:
    return measure(run(CIRCUIT_BREAKER.parse({**SETTINGS[settings], **changes}), seed))


def test_a_simulation_is_found_by_its_slug() -> None:
    assert simulation("circuit-breaker") is CIRCUIT_BREAKER


@pytest.mark.parametrize("declared", CATALOGUE, ids=lambda declared: declared.slug)
def test_a_headline_depends_on_settings_and_values_that_exist(declared: Simulation[Any, Any]) -> None:
    defaults = declared.params().model_dump()

    for metric in declared.metrics:
        for name, values in {} if isinstance(metric.headline, bool) else metric.headline.items():
            assert all(type(defaults[name])(value) for value in values), metric.name


def test_a_metric_leads_where_its_settings_say_so() -> None:
    victim = next(metric for metric in CIRCUIT_BREAKER.metrics if metric.name == "victim_availability")

    leads = {
        neighbour: victim.leads({"pool": "limited", "neighbour": neighbour}) for neighbour in ("none", "shares_pool")
    }

    assert leads == {"none": False, "shares_pool": True}


def test_an_unknown_slug_is_named_with_those_there_are() -> None:
    with pytest.raises(KeyError) as caught:
        simulation("circuit-braker")

    assert str(caught.value).startswith("there is no simulation 'circuit-braker'; use circuit-breaker")


@pytest.mark.parametrize("known", CATALOGUE, ids=lambda known: known.slug)
def test_every_simulation_declares_all_that_the_engine_needs(known: Any) -> None:
    assert missing(known) == []


@pytest.mark.parametrize(
    ("changes", "lacks"),
    [
        ({"checks": ()}, "no checks, or two of one name"),
        ({"checks": (replace(CIRCUIT_BREAKER.checks[0], claim=""),)}, "no claim in a sentence"),
        ({"charts": lambda result: ()}, "no charts"),
        ({"metrics": CIRCUIT_BREAKER.metrics[1:]}, "but declares"),
        ({"model": ModuleType("undocumented")}, "the model's docstring has no Left out"),
        ({"params": Unexplained}, "speed has no sentence of help"),
        ({"params": Unexplained}, "speed is shown when kind has a value that does not exist"),
        ({"explain": lambda result: ""}, "no sentence on what happened"),
    ],
)
def test_what_a_simulation_lacks_is_named(changes: dict[str, Any], lacks: str) -> None:
    assert lacks in "\n".join(missing(replace(CIRCUIT_BREAKER, **changes)))


@pytest.mark.parametrize("known", CATALOGUE, ids=lambda known: known.slug)
def test_scenarios_can_be_run_and_have_slugs_of_their_own(known: Any) -> None:
    slugs = [scenario.slug for scenario in known.scenarios]
    assert 3 <= len(slugs) <= 5

    for scenario in known.scenarios:
        known.parse(scenario.params)

    assert len(set(slugs)) == len(slugs)


def test_knobs_stand_in_their_groups_the_breaker_first_and_details_last() -> None:
    groups = [group for group, _ in groupby(knobs(CIRCUIT_BREAKER.params).values(), key=lambda knob: knob.group)]

    assert groups == [
        "Breaker",
        "Dependency script",
        "Traffic",
        "Callers' pool",
        "Neighbour",
        "Retries",
        "Dependency's capacity",
        "Instances and shared state",
        "Dependency details",
    ]


@pytest.mark.parametrize("kind", ["count", "time", "consecutive", "none"])
@pytest.mark.parametrize(
    "values",
    [
        {
            "automatic_transition_from_open_to_half_open_enabled": "true",
            "max_wait_duration_in_half_open_state_s": "0.5",
        },
        {"sliding_window_size_s": "1", "failure_rate_threshold": 1, "background_error_percent": 100},
        {"healthy_s": 1, "dead_s": 0, "recovered_s": 0, "arrival_rate_per_s": 1},
        {"pool": "limited", "neighbour": "shares_pool", "retries": "backoff", "dependency_capacity": "limited"},
        {"state_kept": "shared", "instances": 20, "dependency_capacity": "limited", "queue_size": 0},
    ],
    ids=["timers", "extremes", "hardly a request", "all of the callers", "a shared state"],
)
def test_a_run_of_the_defaults_compiles_all_that_any_other_run_needs(kind: str, values: dict[str, Any]) -> None:
    CIRCUIT_BREAKER.run(CIRCUIT_BREAKER.parse({}), 1)

    CIRCUIT_BREAKER.run(CIRCUIT_BREAKER.parse({"kind": kind, **values}), 2)

    assert len(advance.signatures) == 1


def test_defaults_and_values_given_have_the_same_types() -> None:
    assert CIRCUIT_BREAKER.parse({}).model_dump() == CIRCUIT_BREAKER.parse({"dead_s": "35"}).model_dump()
    assert type(CIRCUIT_BREAKER.parse({}).dead_s) is float


def test_a_minimum_beyond_the_window_counts_as_the_window() -> None:
    beyond = CIRCUIT_BREAKER.parse({"minimum_number_of_calls": 60, "sliding_window_size_calls": 50})
    within = CIRCUIT_BREAKER.parse({"minimum_number_of_calls": 50, "sliding_window_size_calls": 50})

    assert CIRCUIT_BREAKER.run(beyond, 1).stretches == CIRCUIT_BREAKER.run(within, 1).stretches


def test_a_run_beyond_the_bound_is_refused_before_it_runs() -> None:
    with pytest.raises(BadParams, match="2,450,000 requests; use at most 2,000,000"):
        CIRCUIT_BREAKER.parse(
            {"arrival_rate_per_s": 2000, "healthy_s": 300, "slow_s": 300, "failing_s": 300, "dead_s": 300}
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_a_dead_dependency_opens_the_breaker_once_and_it_closes_after_the_recovery(seed: int) -> None:
    values = measured("a-dead-dependency", seed)

    assert values["times_opened"] == 1
    assert 2 < values["time_to_open_s"] < 3
    assert values["time_to_recover_s"] < 12
    assert values["wasted_caller_s"] < 1200


@pytest.mark.parametrize("seed", SEEDS)
def test_slow_not_dead_opens_on_the_slow_call_rate_alone(seed: int) -> None:
    by_slowness = measured("slow-not-dead", seed)
    by_failures = measured("slow-not-dead", seed, slow_call_rate_threshold=100)

    assert by_slowness["time_to_open_s"] < 3
    assert by_failures["time_to_open_s"] is None
    assert by_slowness["wasted_caller_s"] < by_failures["wasted_caller_s"] / 5


@pytest.mark.parametrize("seed", SEEDS)
def test_flapping_flaps_and_a_threshold_away_from_the_failure_rate_ends_it(seed: int) -> None:
    flapping = measured("flapping", seed)
    tolerant = measured("flapping", seed, failure_rate_threshold=70)
    strict = measured("flapping", seed, failure_rate_threshold=20, permitted_number_of_calls_in_half_open_state=20)

    assert flapping["times_opened"] >= 6
    assert tolerant["times_opened"] == 0
    assert strict["times_opened"] <= 2
    assert strict["rejected_fraction"] > flapping["rejected_fraction"]


@pytest.mark.parametrize("seed", SEEDS)
def test_too_eager_makes_an_outage_of_a_healthy_dependency_and_a_longer_window_ends_it(seed: int) -> None:
    eager = measured("too eager", seed)
    patient = measured("too eager", seed, sliding_window_size_calls=100)

    assert eager["availability"] < 0.25
    assert eager["times_opened"] >= 3
    assert patient["availability"] > 0.97
    assert patient["times_opened"] == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_library_defaults_notice_a_quiet_outage_late_and_its_end_later(seed: int) -> None:
    values = measured("library defaults", seed)

    assert values["time_to_open_s"] > 18
    assert values["time_to_recover_s"] > 15


def test_every_scenario_tells_its_own_story() -> None:
    stories = [explain(run(CIRCUIT_BREAKER.parse(scenario.params), 1)) for scenario in CIRCUIT_BREAKER.scenarios]

    assert len(set(stories)) == len(stories)


@pytest.mark.parametrize("known", CATALOGUE, ids=lambda known: known.slug)
def test_a_run_is_drawn_by_plotlys_small_bundle(known: Any) -> None:
    """It knows only these kinds of trace; another one needs the larger bundle in components/charts_head.html."""
    charts = known.charts(known.run(known.parse({}), 1))

    drawn = {trace["type"] for chart in charts for trace in chart.figure["data"]}

    assert drawn <= {"scatter", "bar", "pie"}


@pytest.mark.parametrize("known", CATALOGUE, ids=lambda known: known.slug)
def test_curves_stand_on_a_grid_that_is_the_same_for_every_seed(known: Any) -> None:
    params = known.parse({})

    one, other = (
        [chart.curves() for chart in known.charts(known.run(params, seed)) if chart.curves] for seed in (1, 2)
    )

    assert one
    assert [curves.x for curves in one] == [curves.x for curves in other]
    assert all(len(line.y) == len(curves.x) for curves in (*one, *other) for line in curves.lines)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_cascade_takes_half_of_the_neighbour_with_it_and_a_breaker_spares_it(seed: int) -> None:
    scenario = next(scenario for scenario in CIRCUIT_BREAKER.scenarios if scenario.slug == "the-cascade")
    result = run(CIRCUIT_BREAKER.parse(scenario.params), seed)

    while_dead = (result.neighbour_arrival_s > 22) & (result.neighbour_arrival_s < 55)
    without, with_one = measure(result), measured("the-cascade", seed, kind="count")

    assert 0.4 < np.mean(result.neighbour_outcome[while_dead] == SUCCEEDED) < 0.6
    assert result.levels is not None
    assert result.levels.busy_threads[(result.levels.at_s > 21.2) & (result.levels.at_s < 55)].min() >= 190
    assert without["victim_availability"] < 0.85  # type: ignore[operator]
    assert with_one["victim_availability"] > 0.98


@pytest.mark.parametrize("seed", SEEDS)
def test_retries_keep_the_dependency_down_after_it_has_recovered_and_a_breaker_lets_it_up(seed: int) -> None:
    scenario = next(scenario for scenario in CIRCUIT_BREAKER.scenarios if scenario.slug == "retries-keep-it-down")
    kept_down, alone, rescued = (
        run(CIRCUIT_BREAKER.parse({**scenario.params, **changes}), seed)
        for changes in ({}, {"retries": "none"}, {"kind": "count"})
    )

    assert kept_down.levels is not None
    assert alone.levels is not None
    assert rescued.levels is not None
    assert good_share(kept_down, 60) < 0.1
    assert kept_down.levels.queued[kept_down.levels.at_s > 40].min() > 900
    assert good_share(alone, 45) > 0.98
    assert alone.levels.queued[alone.levels.at_s > 45].max() < 50
    assert good_share(rescued, 45) > 0.98
    assert measure(rescued)["time_to_recover_s"] < 15  # type: ignore[operator]


def good_share(result: CircuitBreakerResult, from_s: float) -> float:
    late = result.arrival_s >= from_s
    return float(np.mean((result.outcome == SUCCEEDED)[late] | (result.outcome == SLOW)[late]))


def test_a_lost_trial_holds_a_shared_breaker_half_open_and_conditional_writes_lose_next_to_none() -> None:
    scenario = next(scenario for scenario in CIRCUIT_BREAKER.scenarios if scenario.slug == "a-trial-gets-lost")
    overwriting, conditional, impatient = (
        [run(CIRCUIT_BREAKER.parse({**scenario.params, **changes}), seed) for seed in range(1, 21)]
        for changes in (
            {},
            {"store_writes": "conditional"},
            {"max_wait_duration_in_half_open_state_s": 2},
        )
    )

    stuck = [result.stretches[-1].state == HALF_OPEN for result in overwriting]
    assert stuck[0]
    assert 6 <= sum(stuck) <= 14
    assert 60 < np.mean([result.lost_updates for result in overwriting]) < 250
    assert np.mean([result.lost_updates for result in conditional]) < 1
    assert all(result.stretches[-1].state == CLOSED for result in (*conditional, *impatient))


@pytest.mark.parametrize("seed", SEEDS)
def test_when_the_store_is_gone_refusing_makes_an_outage_and_letting_through_a_wait(seed: int) -> None:
    refusing = measured("the store is gone", seed)
    trusting = measured("the store is gone", seed, when_store_is_gone="closed")

    assert refusing["availability"] < trusting["availability"] - 0.1
    assert trusting["availability"] > 0.52
    assert trusting["p95_ms"] > refusing["p95_ms"]


def test_the_neighbour_loses_what_the_pattern_page_says() -> None:
    shop = {"pool": "limited", "pool_size": 200, "neighbour": "shares_pool", "healthy_median_ms": 50}

    came, lost = zip(
        *(
            (result.neighbour_outcome.size, int(np.count_nonzero(result.neighbour_outcome != SUCCEEDED)))
            for result in (run(CIRCUIT_BREAKER.parse({**shop, "kind": kind}), 1) for kind in ("count", "none"))
        ),
        strict=True,
    )

    assert came == pytest.approx((7_900, 7_900), rel=0.01)
    assert lost == (pytest.approx(65, abs=3), pytest.approx(1_600, abs=50))
