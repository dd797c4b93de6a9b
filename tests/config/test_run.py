"""The supervisor for real: every way to end leaves nothing behind, every reason not to start is one line."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
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


@pytest.mark.e2e
def test_a_worker_whose_pool_hangs_is_not_ready_until_it_goes_on(started):
    _, *children = sorted(house.processes_with(started.data_dir, "--queues=interactive"))

    for child in children:
        os.kill(child, signal.SIGSTOP)
    house.wait_for(lambda: readiness(started)["interactive"] != "ok", patience_s=20)
    hanging = readiness(started)
    for child in children:
        os.kill(child, signal.SIGCONT)
    house.wait_for(lambda: readiness(started)["interactive"] == "ok", patience_s=20)

    assert len(children) == 2
    assert hanging["interactive"] == "no worker has answered in the last 8 s"
    assert hanging["sweeps"] == "ok"
    assert readiness(started)["ready"]


@pytest.mark.e2e
def test_what_it_makes_is_readable_by_its_owner_only_even_in_a_folder_that_is_not(tmp_path, data_dir):
    open_folder = tmp_path / "open#folder"
    open_folder.mkdir(mode=0o755)
    # Compiling the kernels anew would take the longest part of this test.
    if (data_dir / "kernels").exists():
        shutil.copytree(data_dir / "kernels", open_folder / "kernels")
    variables = {"HOST": "0.0.0.0", "INTERACTIVE_PROCESSES": "1", "SWEEP_PROCESSES": "2"}

    running = house.start(open_folder, tmp_path / "log", **variables)
    running.wait_until_ready()
    house.wait_for(lambda: "ALLOWED_HOSTS" in running.log, patience_s=5)
    interactive = house.processes_with(open_folder, "--queues=interactive")
    sweeps = house.processes_with(open_folder, "--queues=sweeps")
    running.stop()

    # Static files are for everybody; the kernels have been copied.
    made = [path for path in open_folder.rglob("*") if not {"static", "kernels"} & set(path.parts)]
    assert (open_folder / "halfopen.sqlite3") in made
    assert [path for path in made if path.stat().st_mode & 0o077] == []
    assert (len(interactive), len(sweeps)) == (2, 3)
    assert "HOST is 0.0.0.0, but only localhost, 127.0.0.1, [::1] are answered" in running.log


def test_the_signals_of_the_process_are_as_before_when_its_parts_have_ended():
    script = """
import os, signal
from config.parts import Parts
before = sorted(os.listdir("/proc/self/fd"))
parts = Parts()
with parts:
    pass
print(sorted(os.listdir("/proc/self/fd")) == before, signal.set_wakeup_fd(-1))
"""

    done = subprocess.run([sys.executable, "-c", script], cwd=house.ROOT, capture_output=True, text=True, timeout=20)

    assert done.stdout == "True -1\n", done.stderr


def test_the_guard_removes_what_a_killed_supervisor_leaves(tmp_path):
    folder = tmp_path / "halfopen-0-abc"
    folder.mkdir()
    (folder / "redis.sock").touch()
    part = subprocess.Popen(["sleep", "60"], start_new_session=True)
    command = [sys.executable, str(house.ROOT / "config" / "guard.py"), str(folder / "redis.sock"), str(folder)]

    subprocess.run(command, input=f"+{part.pid}\n", text=True, timeout=20, check=True)

    assert part.wait(timeout=5) == -signal.SIGTERM
    assert not folder.exists()


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
        ({"DATABASE_URL": "postgres://h:99x/db"}, "DATABASE_URL is postgres://h:.../db; its port must be"),
        ({"DATABASE_URL": "postgres://127.0.0.1"}, "DATABASE_URL is postgres://127.0.0.1; it cannot be opened"),
        ({"REDIS_URL": "redis://h?db=x"}, "REDIS_URL is redis://h?...; no Redis answers there"),
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


def readiness(running):
    try:
        with urllib.request.urlopen(f"{running.url}/readyz", timeout=5) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as answer:
        with answer:
            return json.load(answer)


def left_behind(data_dir):
    """Sockets, locks and process ids that should be gone."""
    return [path.name for path in data_dir.rglob("*") if path.is_socket() or path.suffix in (".pid", ".lock", ".sock")]
