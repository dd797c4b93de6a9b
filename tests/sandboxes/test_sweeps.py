"""What an address says about a batch, and what is wrong with it."""

import pytest

from sandboxes import sweeps
from sandboxes.services import Run
from sandboxes.simulations import catalogue
from sandboxes.simulations.spec import BadParams

RUN = Run(catalogue.simulation("circuit-breaker"), catalogue.simulation("circuit-breaker").parse({}))


def values(**asked):
    return sweeps.axis(RUN.simulation, "x", {"x": "dead_s", **asked}).values


def test_a_number_goes_in_even_steps_between_its_ends():
    assert values(x_from="10", x_to="20", x_steps="5") == (10, 12.5, 15, 17.5, 20)


def test_without_ends_a_number_goes_over_all_its_knob_allows():
    assert values(x_steps="4") == (0, 100, 200, 300)


def test_whole_numbers_stay_whole_and_are_not_repeated():
    assert values(x="consecutive_failures", x_from="1", x_to="4", x_steps="9") == (1, 2, 3, 4)


def test_logarithmic_steps_are_a_fixed_factor_apart():
    assert values(x_from="1", x_to="100", x_steps="3", x_spacing="log") == (1, 10, 100)


def test_a_choice_and_a_switch_take_all_their_values():
    assert values(x="kind") == ("count", "time", "consecutive", "none")
    assert values(x="automatic_transition_from_open_to_half_open_enabled") == (False, True)


def test_values_are_short_enough_to_be_typed():
    assert all(len(str(value)) <= 9 for value in values(x_from="1", x_to="7.1", x_steps="30"))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"x": "wind"}, "x is wind; use one of kind, failure_rate_threshold"),
        ({"x": ""}, "x is empty; use one of"),
        ({"x_from": "-1"}, "x_from is -1; use 0 to 300, the bounds of dead_s"),
        ({"x_to": "301"}, "x_to is 301; use 0 to 300"),
        ({"x_to": "nan"}, "x_to is nan; use 0 to 300"),
        ({"x_from": "20", "x_to": "10"}, "x_to is 10; use more than 20"),
        ({"x_steps": "1"}, "x_steps is 1; use a whole number from 2 to 100"),
        ({"x_steps": "ten"}, "x_steps is ten; use a whole number from 2 to 100"),
        ({"x_spacing": "odd"}, "x_spacing is odd; use one of even, log"),
        ({"x_spacing": "log"}, "x_from is 0; use more than 0"),
        ({"y": "dead_s"}, "y is dead_s, as x is"),
        ({"y": "rain"}, "y is rain; use one of"),
        ({"metric": "charm"}, "metric is charm; use one of availability, p95_ms"),
        ({"seeds": "201"}, "seeds is 201; use a whole number from 1 to 200"),
        ({"x_steps": "100", "seeds": "200"}, "100 values x 200 seeds are 20,000 runs; use at most 10,000"),
    ],
)
def test_what_is_wrong_is_named_with_its_value_and_what_is_allowed(asked, says):
    with pytest.raises(BadParams) as caught:
        sweeps.sweep(RUN, {"x": "dead_s", **asked})

    assert says in str(caught.value)


def test_too_many_requests_are_refused_before_any_is_simulated():
    busy = Run(RUN.simulation, RUN.simulation.parse({"arrival_rate_per_s": 2000, "dead_s": 300, "healthy_s": 300}))

    with pytest.raises(BadParams, match=r"10,000 runs have about .* requests; use at most 2,000,000,000: fewer values"):
        sweeps.sweep(busy, {"x": "failure_rate_threshold", "x_steps": "100", "seeds": "100"})


def test_the_requests_of_a_grid_are_estimated_from_its_corners():
    found = sweeps.sweep(RUN, {"x": "arrival_rate_per_s", "x_from": "100", "x_to": "300", "x_steps": "3", "seeds": "1"})

    assert found.batch.requests == 80 * (100 + 200 + 300)


@pytest.mark.parametrize(("seeds", "says"), [("0", "replications is 0"), ("201", "use a whole number from 1 to 200")])
def test_a_bad_number_of_replications_is_named(seeds, says):
    with pytest.raises(BadParams, match=says):
        sweeps.replications(RUN, {"replications": seeds})


@pytest.mark.parametrize("simulation", catalogue.CATALOGUE, ids=lambda known: known.slug)
def test_no_parameter_has_a_name_that_an_address_uses_for_something_else(simulation):
    others = {*sweeps.RESERVED, "seed", "embed", "poll", "scope", "stopped", "baseline"}

    assert not others & simulation.params.model_fields.keys()


@pytest.mark.parametrize("simulation", catalogue.CATALOGUE, ids=lambda known: known.slug)
def test_every_idea_for_a_sweep_can_be_run(simulation):
    assert simulation.sweeps
    for idea in simulation.sweeps:
        found = sweeps.sweep(Run(simulation, simulation.parse(idea.params)), idea.axes)
        assert found.batch.runs <= 2500, idea.title
