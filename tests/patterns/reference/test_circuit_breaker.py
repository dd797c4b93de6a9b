"""One breaker in DynamoDB for many instances: what the naive one loses, and that the sound one keeps it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from patterns.reference.circuit_breaker import naive
from patterns.reference.circuit_breaker.sound import (
    CLOSED,
    HALF_OPEN,
    OPEN,
    Breaker,
    DependencyError,
    Settings,
    store_client,
)
from tests.patterns.reference.tools import Clock, apart, counted, fail, items, make_table, meet, together

SERVICE = "reviews"
READ = "after-call.dynamodb.GetItem"
TIMEOUT = ConnectTimeoutError(endpoint_url="https://dynamodb.example")


class Reviews:
    """The dependency: well or dead, and it counts who asks."""

    def __init__(self) -> None:
        self.dead = False
        self.asked: list[str] = []

    def __call__(self) -> str:
        self.asked.append("asked")
        if self.dead:
            raise DependencyError
        return "five stars"


@pytest.fixture(autouse=True)
def _table(dynamodb):
    make_table(dynamodb, "breakers")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def reviews():
    return Reviews()


@pytest.fixture
def naive_call(dynamodb, reviews, clock):
    return partial(naive.call, dynamodb, SERVICE, reviews, no_stars, clock)


@pytest.fixture
def instances(dynamodb, reviews, clock):
    """Five Lambda instances, each with a breaker of its own over the same table, as functions that call Reviews."""
    breakers = [Breaker(dynamodb, Settings(SERVICE), clock) for _ in range(5)]
    return [partial(breaker.call, reviews, no_stars) for breaker in breakers]


def no_stars() -> str:
    return "no stars yet"


def state(dynamodb):
    return items(dynamodb, "breakers").get(SERVICE, {"state": CLOSED})["state"]


def trip(dynamodb, reviews, instances) -> None:
    reviews.dead = True
    for call in instances:
        call()
    assert state(dynamodb) == OPEN
    reviews.asked.clear()


# Lost failures


def test_naive_five_failures_at_once_count_as_one(dynamodb, reviews, naive_call):
    reviews.dead = True
    meet(dynamodb, READ, 5)

    together(*[naive_call] * 5)

    assert items(dynamodb, "breakers")[SERVICE]["failures"] == 1


def test_sound_five_failures_at_once_open_the_breaker(dynamodb, reviews, clock, instances):
    reviews.dead = True
    meet(dynamodb, READ, 5)

    together(*instances)
    apart(dynamodb, READ)
    clock.now_s += 1

    assert state(dynamodb) == OPEN
    assert instances[0]() == "no stars yet"
    assert len(reviews.asked) == 5


def test_sound_of_those_who_reach_the_threshold_together_one_makes_the_move(dynamodb, reviews, instances):
    reviews.dead = True
    meet(dynamodb, READ, 5)

    together(*instances)

    assert items(dynamodb, "breakers")[SERVICE]["epoch"] == 1


def test_naive_one_caller_alone_is_refused_after_five_failures(reviews, naive_call):
    reviews.dead = True
    for _ in range(naive.FAILURE_THRESHOLD):
        naive_call()

    assert naive_call() == "no stars yet"
    assert len(reviews.asked) == naive.FAILURE_THRESHOLD


# Late answers


def late_call(call) -> tuple[Callable[[], str], Event, Event]:
    """A call whose work waits: (start it, it is under way, let it end)."""
    under_way, end = Event(), Event()

    def slow() -> str:
        under_way.set()
        assert end.wait(20)
        return "five stars"

    return partial(call, slow), under_way, end


def test_naive_one_late_success_reopens_the_way_to_a_dead_service(dynamodb, reviews, clock, naive_call):
    start, under_way, end = late_call(lambda work: naive.call(dynamodb, SERVICE, work, no_stars, clock))

    def meanwhile():
        assert under_way.wait(20)
        reviews.dead = True
        for _ in range(naive.FAILURE_THRESHOLD):
            naive_call()
        end.set()

    together(start, meanwhile)

    assert items(dynamodb, "breakers")[SERVICE]["failures"] == 0


@pytest.mark.parametrize("ends_well", [True, False])
def test_sound_a_call_that_began_in_another_epoch_changes_nothing(dynamodb, reviews, clock, instances, ends_well):
    breaker = Breaker(dynamodb, Settings(SERVICE, failure_threshold=1), clock)

    def late():
        trip(dynamodb, reviews, instances)
        if not ends_well:
            raise DependencyError

    breaker.call(late, no_stars)

    assert items(dynamodb, "breakers")[SERVICE]["epoch"] == 1
    assert state(dynamodb) == OPEN


# Probes


def test_naive_when_the_wait_is_over_everybody_probes(dynamodb, reviews, clock, naive_call):
    reviews.dead = True
    for _ in range(naive.FAILURE_THRESHOLD):
        naive_call()
    clock.now_s += naive.OPEN_S
    reviews.asked.clear()
    meet(dynamodb, READ, 5)

    together(*[naive_call] * 5)

    assert len(reviews.asked) == 5


def test_sound_when_the_wait_is_over_one_instance_probes(dynamodb, reviews, clock, instances):
    trip(dynamodb, reviews, instances)
    clock.now_s += 30
    meet(dynamodb, READ, 5)

    together(*instances)

    assert len(reviews.asked) == 1
    assert state(dynamodb) == OPEN


def test_sound_a_good_probe_closes_for_all(dynamodb, reviews, clock, instances):
    trip(dynamodb, reviews, instances)
    clock.now_s += 30
    reviews.dead = False

    first = instances[0]()
    clock.now_s += 1

    assert [first, *[call() for call in instances]] == ["five stars"] * 6
    assert state(dynamodb) == CLOSED


def test_sound_a_bad_probe_opens_for_another_wait(dynamodb, reviews, clock, instances):
    trip(dynamodb, reviews, instances)
    clock.now_s += 30
    instances[0]()
    clock.now_s += 29

    for call in instances:
        call()

    assert len(reviews.asked) == 1


def test_sound_the_probe_of_a_dead_instance_is_taken_over_when_its_lease_is_up(dynamodb, reviews, clock, instances):
    trip(dynamodb, reviews, instances)
    clock.now_s += 30
    with pytest.raises(KeyboardInterrupt):
        Breaker(dynamodb, Settings(SERVICE), clock).call(die, no_stars)
    reviews.dead = False

    while_leased = instances[0]()
    assert state(dynamodb) == HALF_OPEN
    clock.now_s += 5
    afterwards = instances[0]()

    assert (while_leased, afterwards) == ("no stars yet", "five stars")


def die() -> str:
    raise KeyboardInterrupt


# The table in trouble, and what it costs when it is well


def test_naive_a_dead_table_is_an_outage_of_a_healthy_service(dynamodb, reviews, naive_call):
    fail(dynamodb, "before-call.dynamodb.GetItem", TIMEOUT)

    assert naive_call() == "no stars yet"
    assert reviews.asked == []


def test_sound_with_a_dead_table_calls_pass_and_the_table_is_asked_once_in_a_while(
    dynamodb, reviews, clock, instances, caplog
):
    asked = counted(dynamodb, "before-call.dynamodb")
    fail(dynamodb, "before-call.dynamodb", TIMEOUT)

    answers = [instances[0]() for _ in range(100)]

    assert answers == ["five stars"] * 100
    assert len(asked) == 1
    assert "The breaker of reviews cannot use its table" in caplog.text


def test_sound_a_table_that_dies_between_two_calls_is_not_asked_at_every_failure(dynamodb, reviews, instances):
    instances[0]()
    asked = counted(dynamodb, "before-call.dynamodb")
    fail(dynamodb, "before-call.dynamodb", TIMEOUT)
    reviews.dead = True

    answers = [instances[0]() for _ in range(100)]

    assert answers == ["no stars yet"] * 100
    assert len(asked) == 1


def test_sound_a_move_that_the_table_cannot_make_is_no_permit(dynamodb, reviews, clock, instances):
    trip(dynamodb, reviews, instances)
    instances[0]()
    clock.now_s += 30
    fail(dynamodb, "before-call.dynamodb.UpdateItem", TIMEOUT, times=1)

    assert [call() for call in instances[:2]] == ["no stars yet"] * 2


def test_twenty_good_calls_read_the_table_twenty_times_or_once(dynamodb, naive_call, instances):
    calls = counted(dynamodb, "before-call.dynamodb")

    for _ in range(20):
        naive_call()
    of_the_naive = calls.count("GetItem"), calls.count("PutItem")
    dynamodb.delete_item(TableName="breakers", Key={"id": {"S": SERVICE}})
    calls.clear()
    for _ in range(20):
        instances[0]()

    assert of_the_naive == (20, 20)
    assert calls == ["GetItem"]


# What counts


def test_sound_an_error_of_the_caller_does_not_count(dynamodb, instances, clock):
    breaker = Breaker(dynamodb, Settings(SERVICE, failure_threshold=1), clock)

    with pytest.raises(ZeroDivisionError):
        breaker.call(lambda: 1 // 0, lambda: 0)

    assert items(dynamodb, "breakers") == {}


def test_sound_failures_far_apart_do_not_add_up(dynamodb, reviews, clock, instances):
    reviews.dead = True

    for call in instances:
        call()
        clock.now_s += 10

    assert state(dynamodb) == CLOSED


def test_sound_failures_of_an_epoch_gone_by_do_not_count(dynamodb, reviews, clock, instances):
    breaker = Breaker(dynamodb, Settings(SERVICE, failure_threshold=2, open_s=1, cache_s=0), clock)
    reviews.dead = True
    for _ in range(2):
        breaker.call(reviews, no_stars)
    clock.now_s += 1
    reviews.dead = False
    breaker.call(reviews, no_stars)

    reviews.dead = True
    breaker.call(reviews, no_stars)

    assert state(dynamodb) == CLOSED


def test_the_client_for_the_table_gives_up_soon():
    config: Any = store_client().meta.config

    assert (config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]) == (0.2, 0.2, 1)


def test_threads_of_one_instance_share_its_breaker(dynamodb, reviews, clock):
    breaker = Breaker(dynamodb, Settings(SERVICE), clock)
    reviews.dead = True
    meet(dynamodb, READ, 5)

    together(*[partial(breaker.call, reviews, no_stars)] * 5)
    apart(dynamodb, READ)
    clock.now_s += 1

    assert breaker.call(reviews, no_stars) == "no stars yet"
    assert len(reviews.asked) == 5
