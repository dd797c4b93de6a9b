"""A parameter that is a short list of numbers."""

import pytest

from sandboxes.simulations.spec import BadParams, Metric, Numbers, Params, Simulation, numbers


class WeightParams(Params):
    weights: Numbers = numbers("1", label="Weights", group="Nodes", low=0.5, high=100, fewest=1, most=3)


SIMULATION = Simulation(
    slug="weights",
    title="Weights",
    category="Tests",
    summary="",
    version=1,
    model=pytest,
    params=WeightParams,
    run=lambda params, seed: params.weights.values,
    metrics=(Metric("total", "Total", "", "The sum."),),
    measure=lambda result: {"total": sum(result)},
    charts=lambda result: (),
    explain=lambda result: "",
    requests=lambda params: 1,
    max_requests=1,
)


@pytest.mark.parametrize(
    ("typed", "kept", "values"),
    [("1,1,2", "1,1,2", (1, 1, 2)), (" 1 , 2.50,", "1,2.5", (1, 2.5)), ("7", "7", (7,))],
)
def test_a_list_is_written_in_one_way_however_it_was_typed(typed: str, kept: str, values: tuple[float, ...]) -> None:
    params = SIMULATION.parse({"weights": typed})

    assert params.model_dump(mode="json") == {"weights": kept}
    assert params.weights.values == values
    assert SIMULATION.parse(params.model_dump(mode="json")) == params


@pytest.mark.parametrize("typed", ["", "1,2,3,4", "0.4", "1,101", "1;2", "one", "nan", "inf", "1,,2", ","])
def test_a_list_that_cannot_be_is_refused_with_its_bounds(typed: str) -> None:
    with pytest.raises(BadParams) as refused:
        SIMULATION.parse({"weights": typed})

    shown = typed or "empty"
    assert str(refused.value) == f"weights is {shown}; use 1 to 3 numbers from 0.5 to 100, with commas between them"


def test_a_default_that_cannot_be_is_refused_too() -> None:
    class Wrong(Params):
        weights: Numbers = numbers("0", label="Weights", group="Nodes", low=1, high=2, most=1)

    with pytest.raises(ValueError, match="out of bounds"):
        Wrong()
