"""The worked example of the guide is real: its code is taken out of the page and put into the catalogue."""

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command

from sandboxes import services, simulations
from sandboxes.simulations import catalogue
from sandboxes.simulations.checks import carry_out
from tests.sandboxes.simulations.declared import missing

GUIDE = Path(__file__).parents[2] / "docs" / "adding-a-simulation.md"
PACKAGE = "sandboxes.simulations.queue_saturation"
ADDRESS = "/sandboxes/queue-saturation/"


def blocks():
    """File name -> code, as the guide shows them."""
    return dict(re.findall(r"^```python (\w+\.py)\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE))


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The example's simulation, imported from where a simulation lives."""
    folder = tmp_path_factory.mktemp("guide")
    package = folder / "queue_saturation"
    package.mkdir()
    package.joinpath("__init__.py").touch()
    for name, code in blocks().items():
        package.joinpath(name).write_text(code)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(simulations, "__path__", [*simulations.__path__, str(folder)])
        yield importlib.import_module(f"{PACKAGE}.declaration").QUEUE_SATURATION
    for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
        del sys.modules[name]
    vars(simulations).pop("queue_saturation")


@pytest.fixture
def in_catalogue(example, monkeypatch):
    monkeypatch.setattr(catalogue, "CATALOGUE", (*catalogue.CATALOGUE, example))
    return example


def test_the_guide_shows_every_file_of_a_simulation():
    assert list(blocks()) == ["params.py", "model.py", "measures.py", "charts.py", "checks.py", "declaration.py"]


def test_the_example_declares_all_that_the_engine_needs(example):
    assert missing(example) == []


def test_the_examples_checks_pass_and_fail_with_a_broken_mechanism(example, monkeypatch):
    passed = [one.finding.passed for one in carry_out(example.checks)]
    monkeypatch.setattr(example.model, "serve", lambda gaps_s, service_s: np.cumsum(service_s) / service_s.size)
    broken = [one.finding.passed for one in carry_out(example.checks)]

    assert passed == [True, True]
    assert broken == [False, False]


def test_the_example_has_curves_on_a_grid_that_does_not_depend_on_the_seed(example):
    one, other = (example.charts(example.run(example.parse({}), seed))[0].curves() for seed in (1, 2))

    assert one.x == other.x
    assert one.lines != other.lines
    assert all(len(line.y) == len(one.x) for line in one.lines)


def test_the_scenario_says_what_happens(example):
    mean_ms, busier_ms = (
        example.measure(example.run(example.parse(changes), 1))["mean_ms"]
        for changes in ({"requests": 400_000}, {"requests": 400_000, **example.scenarios[0].params})
    )

    assert 4 < busier_ms / mean_ms < 6


def test_the_example_has_its_page_its_checks_and_its_command(in_catalogue, client, worker, capsys):
    page = client.get(ADDRESS).content.decode()
    checked = client.get(f"{ADDRESS}checks/", headers={"Accept": "application/json"})
    deadline = 40
    while checked.status_code == 202 and deadline:
        deadline -= 1
        checked = client.get(f"{ADDRESS}checks/", headers={"Accept": "application/json"})
    call_command("simulate", "queue-saturation", "--check")

    assert "Lindley" not in page
    assert 'name="service_rate_per_s"' in page
    assert "The server had work 80% of the time" in page
    assert checked.json()["passed"]
    assert "passed  Mean time in system" in capsys.readouterr().out


def test_the_example_is_computed_as_plain_json(in_catalogue):
    result = services.compute(services.Run(in_catalogue, in_catalogue.parse({})))

    assert list(result["metrics"]) == ["mean_ms", "p99_ms"]
