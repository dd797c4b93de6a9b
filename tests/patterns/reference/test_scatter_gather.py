"""Four search services at once, one of them slow or broken; and a table read by segments."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event

import pytest
from botocore.exceptions import ClientError

from patterns.reference.scatter_gather import naive, sound
from tests.patterns.reference.tools import PATIENCE_S, answer_with, counted, make_table

LONG_S, SHORT_S = 10.0, 0.05


@pytest.fixture
def pool():
    with ThreadPoolExecutor(8) as threads:
        yield threads


@pytest.fixture
def released():
    """What the slow service waits for. Set at the end of every test, so that no thread stays behind."""
    event = Event()
    yield event
    event.set()


def finds(*titles):
    return lambda query, timeout_s=0.0: [f"{query} {title}" for title in titles]


def breaks(query, timeout_s=0.0):
    raise ConnectionError


def slow(released):
    def wait(query, timeout_s=0.0):
        assert released.wait(PATIENCE_S)
        return ["too late"]

    return wait


def four(last):
    return {"books": finds("I"), "films": finds("II"), "music": finds(), "games": last}


# Naive


def test_naive_one_slow_service_holds_the_answers_of_all(released):
    answered = Event()

    def search():
        naive.search(four(slow(released)), "dune", SHORT_S)
        answered.set()

    thread = threading.Thread(target=search)
    thread.start()

    # However long one waits here: the search cannot end before the slow service does.
    assert not answered.wait(4 * SHORT_S)
    released.set()
    thread.join(PATIENCE_S)
    assert answered.is_set()


def test_naive_its_timers_outlive_the_answer():
    before = timers()

    naive.search(four(finds("IV")), "dune", LONG_S)

    left = timers() - before
    for timer in left:
        timer.cancel()
        timer.join(PATIENCE_S)
    assert len(left) == 4


def timers():
    return {thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)}


def test_naive_a_broken_service_looks_as_if_it_had_found_nothing():
    answers = naive.search(four(breaks), "dune", SHORT_S)

    assert answers["games"] == answers["music"] == []


# Sound


def test_sound_all_in_time_is_complete(pool):
    gathered = sound.search(pool, four(finds("IV")), "dune", LONG_S)

    assert gathered.answers == {"books": ["dune I"], "films": ["dune II"], "music": [], "games": ["dune IV"]}
    assert gathered.missing == {}


def test_sound_a_slow_service_is_left_out_and_named(pool, released):
    gathered = sound.search(pool, four(slow(released)), "dune", SHORT_S)

    assert gathered.answers == {"books": ["dune I"], "films": ["dune II"], "music": []}
    assert gathered.missing == {"games": "late"}


def test_sound_a_broken_service_is_not_one_that_found_nothing(pool):
    gathered = sound.search(pool, four(breaks), "dune", LONG_S)

    assert gathered.answers["music"] == []
    assert gathered.missing == {"games": "ConnectionError"}


def test_sound_nobody_in_time_is_an_answer_too(pool, released):
    services = dict.fromkeys(["books", "films", "music", "games"], slow(released))

    gathered = sound.search(pool, services, "dune", SHORT_S)

    assert gathered.answers == {}
    assert set(gathered.missing.values()) == {"late"}


def test_sound_starts_no_timer(pool):
    before = timers()

    sound.search(pool, four(finds("IV")), "dune", LONG_S)

    assert timers() == before


def test_sound_a_call_that_found_no_thread_before_the_deadline_is_never_made(released):
    made = []

    def late(query, timeout_s):
        made.append(query)
        return []

    with ThreadPoolExecutor(1) as narrow:
        gathered = sound.search(narrow, {"games": slow(released), "books": late}, "dune", SHORT_S)
        released.set()

    assert gathered.missing == {"games": "late", "books": "late"}
    assert made == []


def test_sound_a_service_is_told_how_much_time_is_left(pool):
    told = []

    def books(query, timeout_s):
        told.append(timeout_s)
        return []

    sound.search(pool, {"books": books}, "dune", LONG_S)

    assert 0 < told[0] <= LONG_S


def test_sound_no_call_begins_after_the_deadline():
    with pytest.raises(sound.Late):
        sound.ask(finds("I"), "dune", ends_at_s=0)


# The parallel scan


@pytest.fixture
def table(dynamodb):
    """Twenty items, of which a page holds at most two, so that every way of dealing them to segments has more pages."""
    make_table(dynamodb, "films")
    for number in range(20):
        dynamodb.put_item(TableName="films", Item={"id": {"S": f"film-{number}"}})
    dynamodb.meta.events.register("before-parameter-build.dynamodb.Scan", two_a_page)
    return "films"


def two_a_page(params, **_):
    params["Limit"] = 2


ALL = {f"film-{number}" for number in range(20)}


def test_naive_reads_the_first_page_of_each_segment(dynamodb, table):
    found = naive.parallel_scan(dynamodb, table, segments=4)

    assert len(found) <= 8


@pytest.mark.parametrize("segments", [1, 2, 4, 7])
def test_sound_reads_every_item_once(dynamodb, table, segments):
    found = sound.parallel_scan(dynamodb, table, segments)

    assert sorted(item["id"]["S"] for item in found) == sorted(ALL)


def test_sound_every_segment_is_read_to_its_end(dynamodb, table):
    parts = [{item["id"]["S"] for item in sound.scan_segment(dynamodb, table, number, 4)} for number in range(4)]

    assert set.union(*parts) == ALL
    assert sum(map(len, parts)) == 20


def test_sound_an_empty_page_is_not_the_end(dynamodb, table):
    """As after a filter: moto hands out such a page, and here every page but the last is one."""

    def emptied(parsed, **_):
        if "LastEvaluatedKey" in parsed:
            parsed["Items"] = []

    pages = counted(dynamodb, "before-call.dynamodb.Scan")
    dynamodb.meta.events.register("after-call.dynamodb.Scan", emptied)

    found = list(sound.scan_segment(dynamodb, table, 0, 1))

    assert len(pages) == 10
    assert len(found) == 2


def test_sound_an_error_in_one_segment_is_an_error_of_the_whole(dynamodb, table):
    answer_with(dynamodb, "before-send.dynamodb.Scan", [None, None, (400, "ResourceNotFoundException"), None])

    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        sound.parallel_scan(dynamodb, table, segments=2)


def test_sound_a_segment_that_is_throttled_is_tried_again_by_the_client(dynamodb, table, monkeypatch):
    monkeypatch.setattr("botocore.endpoint.time.sleep", partial(min, 0))
    throttled = (400, "ProvisionedThroughputExceededException")
    answer_with(dynamodb, "before-send.dynamodb.Scan", [None, throttled, throttled, None])

    found = sound.parallel_scan(dynamodb, table, segments=2)

    assert {item["id"]["S"] for item in found} == ALL
