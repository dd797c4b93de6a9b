from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command, execute_from_command_line

from sandboxes.simulations.circuit_breaker.declaration import CIRCUIT_BREAKER


def simulate(*arguments: str) -> str:
    out = StringIO()
    call_command("simulate", *arguments, stdout=out)
    return out.getvalue()


def test_json_has_the_run_and_its_metrics() -> None:
    answer = json.loads(simulate("circuit-breaker", "--json", "--seed", "7"))

    assert list(answer) == ["simulation", "version", "params", "seed", "metrics"]
    assert (answer["simulation"], answer["version"], answer["seed"]) == ("circuit-breaker", CIRCUIT_BREAKER.version, 7)
    assert answer["params"]["failure_rate_threshold"] == 50
    assert list(answer["metrics"]) == [metric.name for metric in CIRCUIT_BREAKER.metrics]


def test_what_is_undefined_is_null() -> None:
    answer = json.loads(simulate("circuit-breaker", "--json", "--set", "dead_s=0"))

    assert answer["metrics"]["time_to_open_s"] is None


def test_parameters_can_be_set_one_by_one() -> None:
    answer = json.loads(
        simulate("circuit-breaker", "--json", "--set", "kind=consecutive", "--set", "consecutive_failures=3")
    )

    assert answer["params"]["kind"] == "consecutive"
    assert answer["params"]["consecutive_failures"] == 3


def test_the_same_seed_prints_the_same_text() -> None:
    assert simulate("circuit-breaker", "--seed", "3") == simulate("circuit-breaker", "--seed", "3")


def test_text_lines_the_numbers_up_and_ends_with_the_sentence() -> None:
    lines = simulate("circuit-breaker").splitlines()

    assert lines[0] == f"Circuit breaker, version {CIRCUIT_BREAKER.version}, seed 1"
    assert lines[2] == "Available            54.3 %"
    assert lines[5] == "Caller time wasted    954 s"
    assert lines[-1].startswith("The breaker opened 2.28 s after the trouble began")


def test_text_shows_what_is_undefined_as_a_dash() -> None:
    assert "Opened after            – s\n" in simulate("circuit-breaker", "--set", "dead_s=0")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["circuit-braker"], "there is no simulation 'circuit-braker'; use circuit-breaker"),
        (["circuit-breaker", "--set", "dead_s=999"], "dead_s is 999; use 0 to 300"),
        (["circuit-breaker", "--set", "dead_z=1"], "dead_z is not a parameter"),
        (["circuit-breaker", "--set", "dead_s"], "--set dead_s is not NAME=VALUE"),
        (["circuit-breaker", "--set", "=3"], "--set =3 is not NAME=VALUE"),
        (["circuit-breaker", "--seed", "x"], "seed is x; use a whole number from 0 to 4294967295"),
        (["circuit-breaker", "--seed=-1"], "seed is -1; use a whole number from 0 to 4294967295"),
        (["circuit-breaker", "--seed", "4294967296"], "seed is 4294967296; use a whole number"),
    ],
)
def test_a_mistake_is_one_clear_line_and_exit_code_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        execute_from_command_line(["manage.py", "simulate", *arguments])

    shown = capsys.readouterr()
    assert stopped.value.code == 2
    assert words in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""


def test_called_from_python_a_mistake_is_a_command_error() -> None:
    with pytest.raises(CommandError, match="there is no simulation"):
        simulate("nope")
