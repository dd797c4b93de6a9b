from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from sandboxes.simulations.consistent_hashing import cache, recording
from sandboxes.simulations.consistent_hashing.cache import HIT
from sandboxes.simulations.consistent_hashing.model import ConsistentHashingResult, run
from sandboxes.simulations.consistent_hashing.params import ConsistentHashingParams
from sandboxes.simulations.consistent_hashing.recording import record
from sandboxes.simulations.consistent_hashing.replay import moments, replay, sampled_keys, shown_nodes
from sandboxes.simulations.replays import MOST_FRAMES, Frame

VARIANTS: list[dict[str, Any]] = [
    {},
    {"algorithm": "modulo", "database_capacity_per_s": 30},
    {"change": "remove", "replicas": 2},
    {"change": "fail", "hash_function": "ketama"},
    {"change": "none", "algorithm": "maglev"},
    {"nodes": 300, "virtual_nodes": 3},
    {"keys": 100, "request_rate_per_s": 1, "before_s": 1, "after_s": 1},
]


def result_of(**changes: Any) -> ConsistentHashingResult:
    small = {"keys": 5000, "request_rate_per_s": 300, "cache_capacity_keys": 400}
    return run(ConsistentHashingParams.model_validate({**small, **changes}), 1)


def frame_at(frames: tuple[Frame, ...], at_s: float) -> Frame:
    return next(frame for frame in frames if frame.at_s == at_s)


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_every_run_can_be_replayed(changes: dict[str, Any]) -> None:
    result = result_of(**changes)

    played = replay(result)

    assert len(played.frames) <= MOST_FRAMES
    assert (played.frames[0].at_s, played.frames[-1].at_s) == (0, result.duration_s)
    assert all(frame.say.endswith(".") for frame in played.frames)
    assert played.frames[-1].parts["failed-words"]["text"] == f"{int((result.outcome == 2).sum()):,} failed"


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_pictures_have_a_child_for_every_letter(changes: dict[str, Any]) -> None:
    played = replay(result_of(**changes))
    drawn = "".join(played.pictures)

    for name, kind in (("keys", "cells"), ("nodes", "cells"), ("node-hits", "levels")):
        group = re.search(rf'data-part="{name}">(.*?)</g>', drawn)
        assert group
        children = len(re.findall(r"<(?:circle|rect)", group[1]))
        assert {len(str(frame.parts[name][kind])) for frame in played.frames} == {children}


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_the_recording_is_of_the_run_itself(changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    result = result_of(**changes)
    seen: list[Any] = []

    def watched(*arguments: Any) -> None:
        cache.play(*arguments)
        seen.append(arguments[-2].copy())

    monkeypatch.setattr(recording, "play", watched)
    record(result, moments(result), sampled_keys(result.params.keys))

    assert np.array_equal(np.concatenate(seen), result.outcome)


def test_keys_that_move_to_the_new_node_are_missing_until_somebody_asks() -> None:
    result = result_of(request_rate_per_s=100)
    change_s = result.params.before_s
    frames = replay(result).frames

    before = [frame for frame in frames if frame.at_s < change_s]
    at = frame_at(frames, change_s)
    moved = (result.before != result.after)[sampled_keys(result.params.keys), 0]

    assert not any(set(str(frame.parts["keys"]["cells"])) & {"W", "F"} for frame in before)
    assert [letter == "F" for letter in str(at.parts["keys"]["cells"])] == moved.tolist()
    assert "W" in str(frames[-1].parts["keys"]["cells"])


def test_a_node_that_comes_is_not_there_before_and_one_that_goes_not_after() -> None:
    coming, going = replay(result_of()).frames, replay(result_of(change="remove")).frames

    assert (coming[0].parts["nodes"]["cells"], coming[-1].parts["nodes"]["cells"]) == ("." * 10 + " ", "." * 11)
    assert (going[0].parts["nodes"]["cells"], going[-1].parts["nodes"]["cells"]) == ("." * 10, ".. .......")
    assert (coming[0].parts["arcs"]["state"], coming[-1].parts["arcs"]["state"]) == ("off", "accent")
    assert (going[0].parts["arcs"]["state"], going[-1].parts["arcs"]["state"]) == ("accent", "off")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Node 11 joins: "),
        ({"change": "remove"}, "Node 3 leaves: "),
        ({"change": "fail"}, "Node 3 fails: nobody serves "),
        ({"change": "fail", "replicas": 2}, "Node 3 fails: copies serve "),
    ],
)
def test_the_change_is_told_and_marked(changes: dict[str, Any], words: str) -> None:
    at = frame_at(replay(result_of(**changes)).frames, 10)

    assert at.key
    assert at.say.startswith(words)


def test_without_a_change_nothing_is_marked_between_beginning_and_end() -> None:
    frames = replay(result_of(change="none")).frames

    assert [frame.at_s for frame in frames if frame.key] == [0, 50]


def test_the_first_failure_is_marked() -> None:
    result = result_of(algorithm="modulo", database_capacity_per_s=30)

    failed = [frame for frame in replay(result).frames if frame.key][2]

    first_s = result.arrival_s[result.outcome == 2][0]
    assert first_s <= failed.at_s < first_s + 0.3


def test_a_node_is_as_full_as_its_cache_answers() -> None:
    result = result_of(algorithm="modulo")
    frames = replay(result).frames

    last_s = result.arrival_s >= 49
    for node in range(11):
        asked = last_s & (result.after[result.wanted, 0] == node)
        share = np.mean(result.outcome[asked] == HIT) if asked.any() else 0
        assert int(str(frames[-1].parts["node-hits"]["levels"])[node]) == pytest.approx(9 * share, abs=0.51)


def test_of_very_many_nodes_some_are_shown_and_the_one_that_comes_among_them() -> None:
    shown = shown_nodes(result_of(nodes=300, virtual_nodes=3))

    assert shown.size == 60
    assert shown[-1] == 300
