"""The supervisor for real: every way to end leaves nothing behind, every reason not to start is one line."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from config import env, run
from tests import house


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """One data folder for the tests of this file, so that kernels are compiled once."""
    return tmp_path_factory.mktemp("run") / "var"


@pytest.fixture
def started(data_dir, tmp_path):
    running = house.start(data_dir, tmp_path / "log")
    running.wait_until_ready()
    yield running
    running.supervisor.kill()
    running.wait_until_gone()


def refused(data_dir, **variables):
    """Exit code and output of a start that must not come about."""
    command = [sys.executable, "-m", "config.run"]
    environ = house.environment(data_dir, **variables)
    done = subprocess.run(command, cwd=house.ROOT, env=environ, capture_output=True, text=True, timeout=60)
    assert house.processes_of(data_dir) == {}
    return done.returncode, done.stdout + done.stderr


@pytest.mark.e2e
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_ends_well_and_leaves_nothing_behind(number, started):
    before = house.processes_of(started.data_dir)

    started.supervisor.send_signal(number)
    code = started.wait_until_gone()

    assert code == 0, started.log
    for words in ("config.run", "guard.py", "valkey-server", "--queues=interactive", "--queues=sweeps", "config.web"):
        assert any(words in command for command in before.values()), words
    assert left_behind(started.data_dir) == []


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("valkey-server", "the embedded Redis"),
        ("--queues=interactive", "the interactive worker"),
        ("config.web", "the web server"),
        ("guard.py", "the guard"),
    ],
)
def test_a_part_that_is_killed_takes_the_others_along_and_is_named(words, named, started):
    os.kill(house.process_of(started.data_dir, words), signal.SIGKILL)

    code = started.wait_until_gone()

    assert code == 1
    last_line = started.log.splitlines()[-1]
    assert last_line.startswith(f"Halfopen has stopped: {named}")
    assert left_behind(started.data_dir) == []


@pytest.mark.e2e
def test_a_killed_supervisor_takes_everything_along_and_the_next_start_is_not_hindered(data_dir, tmp_path):
    running = house.start(data_dir, tmp_path / "first")
    running.wait_until_ready()

    running.supervisor.kill()
    running.wait_until_gone()

    assert left_behind(data_dir) == []
    again = house.start(data_dir, tmp_path / "second")
    again.wait_until_ready()
    assert again.stop() == 0


@pytest.mark.e2e
def test_a_second_one_in_the_same_folder_is_refused_and_the_first_goes_on(started):
    command = [sys.executable, "-m", "config.run"]
    environ = house.environment(started.data_dir, PORT=str(house.free_port()))

    second = subprocess.run(command, cwd=house.ROOT, env=environ, capture_output=True, text=True, timeout=60)

    assert second.returncode == 1
    assert second.stderr.splitlines() == [
        f"Halfopen cannot start: it already runs with the data folder {started.data_dir}; "
        "stop it, or set another DATA_DIR"
    ]
    with urllib.request.urlopen(f"{started.url}/readyz", timeout=5) as answer:
        assert json.load(answer)["ready"]


def test_a_port_in_use_is_named_before_anything_starts(data_dir):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        code, output = refused(data_dir, PORT=str(port))

    assert code == 1
    assert output.splitlines() == [
        f"Halfopen cannot start: port {port} on 127.0.0.1 is in use; "
        f"stop what uses it, or choose another: make run PORT={port % 65535 + 1}"
    ]


def test_a_dead_redis_is_named_without_its_password(data_dir):
    code, output = refused(data_dir, PORT=str(house.free_port()), REDIS_URL="redis://:top-secret@127.0.0.1:1/0")

    assert code == 1
    (line,) = output.splitlines()
    assert line.startswith("Halfopen cannot start: REDIS_URL is redis://:...@127.0.0.1:1/0; no Redis answers there")
    assert "top-secret" not in line


def test_a_dead_database_is_named_without_its_password(data_dir):
    url = "postgres://me:top-secret@127.0.0.1:1/halfopen"

    code, output = refused(data_dir, PORT=str(house.free_port()), DATABASE_URL=url)

    assert code == 1
    (line,) = output.splitlines()
    assert line.startswith(
        "Halfopen cannot start: DATABASE_URL is postgres://me:...@127.0.0.1:1/halfopen; it cannot be"
    )
    assert "top-secret" not in line


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"PORT": "eighty"}, "PORT is eighty; use a whole number from 1 to 65535"),
        ({"HOST": "192.0.2.1"}, "HOST is 192.0.2.1; use an address of this machine, such as 127.0.0.1 or 0.0.0.0"),
        ({"PRODUCTION": "true"}, "SECRET_KEY is empty and PRODUCTION is true"),
        ({"DATA_DIR": "/proc/halfopen"}, "DATA_DIR: /proc/halfopen cannot be used"),
    ],
)
def test_a_wrong_variable_is_named_in_one_line(variables, line, data_dir):
    code, output = refused(data_dir, **variables)

    assert code == 1
    assert len(output.splitlines()) == 1
    assert output.startswith(f"Halfopen cannot start: {line}")


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "http://127.0.0.1:8000"), ("0.0.0.0", "http://127.0.0.1:8000"), ("::", "http://[::1]:8000")],
)
def test_the_address_it_prints_is_one_a_browser_can_open(host, shown, tmp_path):
    here = env.read({"HOST": host, "DATA_DIR": str(tmp_path)})

    assert run.address(here) == shown


def left_behind(data_dir):
    """Sockets, locks and process ids that should be gone."""
    return [path.name for path in data_dir.rglob("*") if path.is_socket() or path.suffix in (".pid", ".lock", ".sock")]
