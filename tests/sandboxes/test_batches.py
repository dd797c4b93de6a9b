"""Batches against a real Redis; the tests play the workers' part, and let them die."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from celery import current_app
from kombu.exceptions import OperationalError

from sandboxes import batches, chains, services
from sandboxes.batches import DONE, FAILED, PENDING, Axis, Batch, batch_of
from sandboxes.chains import Manner
from sandboxes.queues import LONGEST_QUEUE_OF_SWEEPS
from sandboxes.simulations import catalogue
from sandboxes.store import client

SHORT = {"healthy_s": 2, "dead_s": 3, "recovered_s": 2, "arrival_rate_per_s": 20}


@pytest.fixture
def store(store, monkeypatch):
    # A kernel may have to be compiled first.
    monkeypatch.setattr(chains, "WANTED_KEPT_S", 600)
    return store


@pytest.fixture
def queue(store, monkeypatch):
    """What was put on the queue, the oldest first."""
    waiting = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args, **options: waiting.append(args))
    return waiting


def batch(axes=(), seeds=3, curves=False, seed=1, **changes):
    simulation = catalogue.simulation("circuit-breaker")
    settings = simulation.parse({**SHORT, **changes}).model_dump(mode="json")
    return Batch(simulation, settings, seed, seeds, axes, curves)


def finish(queue):
    """Work off the queue as workers would."""
    outcomes = []
    while queue:
        chain = queue.pop(0)
        outcomes.append(chains.work(*chain))
        if outcomes[-1] == "more":
            queue.append(chain)
    return outcomes


def seen(wanted, **options):
    """The batch as it stands."""
    look = chains.look(wanted, **options)
    assert isinstance(look, batches.Look)
    return look


DEAD = Axis("dead_s", (1, 2, 4))
KIND = Axis("kind", ("count", "none"))


def test_every_run_of_a_batch_is_the_run_its_point_and_seed_say(store, queue):
    wanted = batch((DEAD, KIND), seeds=2, seed=7)
    simulation = wanted.simulation

    seen(wanted)
    finish(queue)
    look = seen(wanted)

    assert look.complete
    assert look.values.shape == (6, 2, len(simulation.metrics))
    for place, (dead_s, kind) in enumerate(product(DEAD.values, KIND.values)):
        for number in range(2):
            params = simulation.parse({**SHORT, "dead_s": dead_s, "kind": kind})
            expected = simulation.measure(simulation.run(params, 7 + number)).values()
            assert np.array_equal(
                look.values[place, number], [np.nan if v is None else v for v in expected], equal_nan=True
            )


def test_every_run_is_in_exactly_one_piece():
    for wanted in (batch(seeds=1), batch((DEAD,)), batch((DEAD, KIND), seeds=41)):
        runs = [run for piece in range(wanted.pieces) for run in wanted.runs_of(piece)]

        assert sorted(runs) == list(range(wanted.runs))


@pytest.mark.parametrize(("across", "up", "seeds"), [(50, 50, 1), (20, 20, 4), (12, 12, 5), (19, 7, 3)])
def test_a_quarter_of_a_map_has_something_in_every_column_and_every_row(across, up, seeds):
    axes = (Axis("dead_s", tuple(range(1, across + 1))), Axis("healthy_s", tuple(range(1, up + 1))))
    wanted = batch(axes, seeds=seeds)

    points = {int(run) // seeds for run in wanted.dealt[: wanted.runs // 4]}

    assert {point // up for point in points} == set(range(across))
    assert {point % up for point in points} == set(range(up))


def test_a_piece_of_large_runs_is_one_run_and_pieces_of_small_ones_are_bounded():
    large = batch((Axis("dead_s", tuple(range(100, 300))),), arrival_rate_per_s=2000, seeds=1)
    small = batch((Axis("dead_s", tuple(range(1, 301))),), arrival_rate_per_s=1, seeds=30)

    assert large.pieces == large.runs == 200
    assert small.pieces == 141  # 9,000 runs, 64 in a piece


def test_the_key_changes_with_every_part_of_a_batch_and_with_the_code(monkeypatch):
    others = [batch((KIND,)), batch((DEAD,), seeds=4), batch((DEAD,), seed=2), batch((DEAD,), curves=True)]
    others += [batch((Axis("dead_s", (1, 2, 3)),)), batch((DEAD,), slow_s=1)]
    here = batch((DEAD,)).key

    assert len({here, *(other.key for other in others)}) == 7
    assert batch_of(batch((DEAD,)).spec).key == here
    monkeypatch.setattr(services, "code", lambda: "newer code")
    assert batch((DEAD,)).key != here


def test_half_a_batch_is_a_coarse_picture_of_the_whole(store, queue):
    wanted = batch((Axis("dead_s", tuple(range(1, 41))),), seeds=1)
    seen(wanted)
    for piece in range(wanted.pieces // 2):
        chains._work_on(wanted, piece)

    look = seen(wanted)

    assert not look.complete
    there = np.flatnonzero(look.states[:, 0] == DONE)
    assert there.min() < 8
    assert there.max() > 32
    assert np.isnan(look.values[look.states == PENDING]).all()


def test_looking_twice_starts_chains_once(store, queue):
    wanted = batch((DEAD,))

    first = seen(wanted)
    again = seen(wanted)

    assert len(queue) == min(chains.CHAINS, wanted.pieces)
    assert first.at_work
    assert again.at_work


def test_a_complete_batch_asks_nobody(store, queue):
    wanted = batch((DEAD,))
    seen(wanted)
    finish(queue)
    store.delete(f"batch:{wanted.key}:alive")

    look = seen(wanted)

    assert look.complete
    assert not look.at_work
    assert queue == []


def test_workers_leave_a_batch_nobody_looks_at_and_come_back_when_somebody_does(store, queue):
    wanted = batch((DEAD,))
    seen(wanted)
    store.delete(f"batch:{wanted.key}:wanted")

    assert set(finish(queue)) == {"left"}
    seen(wanted)
    finish(queue)

    assert seen(wanted).complete


def test_reading_a_batch_keeps_nobody_at_it_and_disturbs_nobody(store, queue):
    wanted = batch((DEAD,))
    seen(wanted)
    chains._work_on(wanted, 0)
    before = store.ttl(f"batch:{wanted.key}:wanted")

    read = seen(wanted, manner=Manner.READ)

    assert read.done == len(wanted.runs_of(0))
    assert not read.at_work
    assert 0 < store.ttl(f"batch:{wanted.key}:wanted") <= before
    assert seen(batch((KIND,)), manner=Manner.READ).done == 0
    assert len(queue) == chains.CHAINS


def test_chains_of_an_earlier_start_end_and_leave_the_newer_ones_alone(store, queue):
    wanted = batch((DEAD,))
    seen(wanted)
    old = list(queue)
    store.delete(f"batch:{wanted.key}:alive")
    seen(wanted)
    started = len(queue)

    assert chains.work(*old[0]) == "left"
    seen(wanted)

    assert len(queue) == started
    assert chains.work(*queue[-1]) == "more" or seen(wanted).complete


def test_several_batches_share_one_worker_and_all_of_them_get_on(store, queue, monkeypatch):
    """Each is looked at all the time, and its first turn comes after those of all chains before it."""
    monkeypatch.setattr(chains, "SLICE_S", 0.0)  # a piece and no more
    all_of_them = [batch((Axis("dead_s", tuple(range(1, 41))),), seeds=1, seed=number) for number in range(4)]
    for one in all_of_them:
        seen(one)
    for _ in range(4 * chains.CHAINS):
        chain = queue.pop(0)
        if chains.work(*chain) == "more":
            queue.append(chain)
        for one in all_of_them:
            seen(one)

    done = [seen(one).done for one in all_of_them]
    assert min(done) > 0
    assert max(done) - min(done) <= 2 * all_of_them[0].runs_in_a_piece


def test_nothing_of_a_batch_stays_for_ever(store, queue):
    wanted = batch((DEAD,), seeds=1)
    seen(wanted)
    chains.work(*queue[0])
    store.delete(f"batch:{wanted.key}:wanted")

    keys = store.keys("batch:*")

    assert len(keys) >= 5
    assert all(store.ttl(key) > 0 for key in keys)


def test_chains_that_cannot_be_published_hold_nothing(store, monkeypatch):
    def refuse(*args, **options):
        raise OperationalError("the broker is gone")

    monkeypatch.setattr(current_app, "send_task", refuse)
    wanted = batch((DEAD,))

    assert chains.look(wanted) == services.UNREACHABLE
    assert not store.exists(f"batch:{wanted.key}:alive")


def test_a_batch_that_failed_altogether_is_tried_again_by_who_comes_later(store, queue):
    wanted = batch((DEAD,), seeds=1)
    seen(wanted)
    for piece in range(wanted.pieces):
        store.hset(f"batch:{wanted.key}", f"r{piece}", "")

    assert seen(wanted).failed == 3

    assert 0 < store.ttl(f"batch:{wanted.key}") <= chains.ALL_FAILED_KEPT_S


def test_a_piece_whose_worker_died_is_taken_again_by_its_chain_and_by_others_when_its_lease_is_over(
    store, queue, monkeypatch
):
    wanted = batch((DEAD,), seeds=1)
    seen(wanted)
    chain, other, work_on = queue[0], queue[1], chains._work_on
    monkeypatch.setattr(chains, "_work_on", lambda batch, piece: (_ for _ in ()).throw(SystemExit))
    with pytest.raises(SystemExit):
        chains.work(*chain)
    monkeypatch.setattr(chains, "_work_on", work_on)

    assert chains.work(*other) == "finished"
    assert seen(wanted).done == 2  # the third is leased
    assert chains.work(*chain) == "finished"

    assert seen(wanted).complete
    assert seen(wanted).failed == 0


def test_a_piece_that_kills_its_worker_twice_is_missing_and_costs_nothing_else(store, queue, monkeypatch):
    wanted = batch((DEAD,), seeds=1)
    seen(wanted)
    work_on = chains._work_on

    def deadly(batch, piece):
        if piece == 1:
            raise SystemExit
        work_on(batch, piece)

    monkeypatch.setattr(chains, "_work_on", deadly)
    for _ in range(2):
        with pytest.raises(SystemExit):
            chains.work(*queue[0])
    assert chains.work(*queue[0]) == "finished"

    look = seen(wanted)
    assert look.complete
    assert look.failed == 1
    assert look.states[wanted.runs_of(1), 0].tolist() == [FAILED]


def test_a_run_that_fails_is_tried_once_more_and_then_missing_alone(store, queue, monkeypatch):
    wanted = batch((Axis("dead_s", tuple(range(1, 41))),), seeds=1)
    tried = []
    simulation = wanted.simulation

    def run(params, seed):
        if params.dead_s == 5:
            tried.append(params.dead_s)
            raise ZeroDivisionError
        return simulation.run(params, seed)

    broken = _changed(simulation, run=run)
    monkeypatch.setattr(catalogue, "simulation", lambda slug: broken)
    seen(wanted)
    finish(queue)

    look = seen(wanted)
    assert look.complete
    assert look.failed == 1
    assert look.states[4, 0] == FAILED
    assert len(tried) == 2


def test_a_failure_that_passes_leaves_nothing_missing(store, queue, monkeypatch):
    wanted = batch((DEAD,))
    simulation = wanted.simulation
    failures = [MemoryError]

    def run(params, seed):
        if failures:
            raise failures.pop()
        return simulation.run(params, seed)

    monkeypatch.setattr(catalogue, "simulation", lambda slug: _changed(simulation, run=run))
    seen(wanted)
    finish(queue)

    assert seen(wanted).complete
    assert seen(wanted).failed == 0


def test_averages_of_the_curves_are_those_of_all_runs_together(store, queue):
    wanted = batch(seeds=7, curves=True)
    seen(wanted)
    finish(queue)

    look = seen(wanted)
    runs = [wanted.simulation.run(wanted.simulation.parse(SHORT), 1 + number) for number in range(7)]
    curves = [[c.curves() for c in wanted.simulation.charts(run) if c.curves] for run in runs]
    expected = np.array([[v for c in one for line in c.lines for v in line.y] for one in curves], np.float64)
    assert look.averages is not None
    assert look.averages.count.max() == 7
    assert np.allclose(look.averages.mean, np.nanmean(expected, axis=0), equal_nan=True)
    assert [chart["name"] for chart in look.charts] == ["outcomes", "states", "latency"]


def test_when_redis_forgets_everything_the_batch_is_computed_again(store, queue):
    wanted = batch((DEAD,))
    seen(wanted)
    finish(queue)
    before = seen(wanted)
    store.flushall()

    assert seen(wanted).done == 0
    finish(queue)

    assert np.array_equal(seen(wanted).values, before.values, equal_nan=True)


def test_without_redis_the_reader_is_told(monkeypatch):
    monkeypatch.setattr(chains, "connection", lambda: client("unix:///nowhere/redis.sock"))

    outcome = chains.look(batch((DEAD,)))

    assert outcome == services.UNREACHABLE


def test_a_long_queue_takes_no_more_chains(store, queue):
    store.rpush("sweeps", *range(LONGEST_QUEUE_OF_SWEEPS))
    wanted = batch((DEAD,))

    look = seen(wanted)
    assert queue == []
    assert not look.at_work

    store.delete("sweeps")
    assert seen(wanted).at_work


def test_the_time_left_is_told_from_the_pace_so_far(store, queue, monkeypatch):
    wanted = batch((Axis("dead_s", tuple(range(1, 41))),), seeds=1)
    monkeypatch.setattr("time.time", lambda: 1000.0)
    seen(wanted)
    assert seen(wanted).left_s is None
    for piece in range(4):
        chains._work_on(wanted, piece)
    monkeypatch.setattr("time.time", lambda: 1002.0)

    assert wanted.pieces == 14
    assert seen(wanted).left_s == pytest.approx(5.0)


def _changed(simulation, **changes):
    return replace(simulation, **changes)
