import signal
import subprocess
import time

import pytest
import redis

from config import redis_server


@pytest.fixture
def socket(tmp_path):
    socket = tmp_path / "redis" / "redis.sock"
    redis_server.prepare_folders(socket, tmp_path)
    return socket


def serve(socket, data_dir):
    process = subprocess.Popen(redis_server.command(socket, data_dir))
    assert redis_server.wait_until_it_answers(socket, lambda: process.poll() is None)
    return process


def end(process):
    process.terminate()
    process.wait(timeout=10)


def test_only_its_owner_reaches_the_server_and_nobody_by_the_network(socket, tmp_path):
    process = serve(socket, tmp_path)

    with redis.Redis.from_url(f"unix://{socket}") as store:
        settings = store.config_get("*")
    end(process)

    assert socket.parent.stat().st_mode & 0o777 == 0o700
    assert settings["port"] == "0"
    assert settings["appendonly"] == "yes"


def test_when_memory_runs_out_results_go_and_queues_stay(socket, tmp_path):
    process = serve(socket, tmp_path)
    with redis.Redis.from_url(f"unix://{socket}") as store:
        limit = store.config_get("maxmemory")["maxmemory"]
        store.lpush("interactive", "a task")
        store.config_set("maxmemory", store.info("memory")["used_memory"] + 2_000_000)

        for number in range(100):
            store.set(f"run:{number}", "x" * 100_000, ex=3600)

        results, queue = len(store.keys("run:*")), store.llen("interactive")
    end(process)

    assert int(limit) == 256 * 1024 * 1024
    assert 0 < results < 100
    assert queue == 1


def test_what_was_written_survives_a_stop_and_a_kill_leaves_no_obstacle(socket, tmp_path):
    process = serve(socket, tmp_path)
    with redis.Redis.from_url(f"unix://{socket}") as store:
        store.set("kept", "yes")
        # The append-only file is written every second.
        time.sleep(1.2)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    assert socket.exists()

    redis_server.prepare_folders(socket, tmp_path)
    process = serve(socket, tmp_path)
    with redis.Redis.from_url(f"unix://{socket}") as store:
        kept = store.get("kept")
    end(process)

    assert kept == b"yes"
    assert not socket.exists()


def test_a_server_left_over_from_an_earlier_run_is_ended_before_two_write_one_file(socket, tmp_path):
    leftover = serve(socket, tmp_path)

    redis_server.prepare_folders(socket, tmp_path)

    assert leftover.wait(timeout=5) == 0
    assert not socket.exists()


def test_a_socket_folder_that_somebody_else_made_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "redis").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(redis_server.CannotServe, match=r"redis belongs to somebody else; remove it"):
        redis_server.prepare_folders(tmp_path / "redis" / "redis.sock", tmp_path)


def test_a_temporary_folder_of_the_socket_goes_with_it(tmp_path):
    data_dir, socket = tmp_path / "var", tmp_path / "halfopen-0-abc" / "redis.sock"
    data_dir.mkdir()
    redis_server.prepare_folders(socket, data_dir)
    socket.touch()

    redis_server.remove_socket(socket, data_dir)
    redis_server.remove_socket(socket, data_dir)

    assert not socket.parent.exists()
    assert (data_dir / "redis").is_dir()
