"""What every replay is held to, whatever it shows."""

from __future__ import annotations

import gzip
import json
import time
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

from sandboxes import services
from sandboxes.services import Part, Run
from sandboxes.simulations.catalogue import CATALOGUE
from sandboxes.simulations.circuit_breaker.declaration import CIRCUIT_BREAKER
from sandboxes.simulations.replays import MOST_FRAMES, SETTINGS, Frame, Replay, packed
from tests.sandboxes.simulations.test_circuit_breaker_model import ANY_PARAMS, SEEDS

LARGEST_GZIPPED = 60_000
SOFT_LIMIT_S = 10
PICTURE = '<svg><g data-part="a"/><g data-part="row"/></svg>'
REPLAYED = [known for known in CATALOGUE if known.replay]
LARGE: dict[str, Any] = {
    "arrival_rate_per_s": 2000,
    "healthy_s": 300,
    "slow_s": 100,
    "failing_s": 300,
    "dead_s": 0,
    "recovered_s": 300,
    "background_error_percent": 50,
    "slow_call_duration_threshold_s": 0.05,
}
# The largest runs there may be: everything random, nothing repeats, or thousands of changes of state.
LARGEST: dict[str, dict[str, Any]] = {
    "a long window": {"sliding_window_size_calls": 1000, "minimum_number_of_calls": 1000},
    "the most cells": {"sliding_window_size_calls": 250, "minimum_number_of_calls": 250, "failure_rate_threshold": 100},
    "many seconds": {"kind": "time", "sliding_window_size_s": 120, "failure_rate_threshold": 100},
    "many changes": {
        "minimum_number_of_calls": 1,
        "sliding_window_size_calls": 250,
        "wait_duration_in_open_state_s": 0.1,
        "permitted_number_of_calls_in_half_open_state": 1,
    },
}


def frame(at_s: float, row: str = "..", state: str = "off") -> Frame:
    return Frame(at_s, "Something.", {"a": {"state": state}, "row": {"cells": row}})


def unpacked(rows: list[dict[str, Any]]) -> list[dict[str, dict[str, Any]]]:
    """The parts of each frame, whole again, as the browser makes them."""
    shown: dict[str, dict[str, Any]] = {}
    frames = []
    for row in rows:
        shown = {name: dict(part) for name, part in shown.items()}
        for name, changes in row["parts"].items():
            part = shown.setdefault(name, {})
            for kind, value in changes.items():
                if isinstance(value, list):
                    start, letters = value
                    value = part[kind][:start] + letters + part[kind][start + len(letters) :]
                part[kind] = value
        frames.append(shown)
    return frames


def test_only_what_differs_from_the_frame_before_is_packed() -> None:
    rows = packed(Replay((PICTURE,), (frame(0, "....."), frame(1, "..SF."), frame(2, "..SF.", "open")), ""))

    assert [row["parts"] for row in rows] == [
        {"a": {"state": "off"}, "row": {"cells": "....."}},
        {"row": {"cells": [2, "SF"]}},
        {"a": {"state": "open"}},
    ]


def test_more_frames_than_may_be_are_refused() -> None:
    with pytest.raises(ValueError, match="this replay has 601 frames; use 1 to 600"):
        Replay((PICTURE,), tuple(frame(at_s) for at_s in range(601)), "")


def test_frames_that_go_back_in_time_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the frame at 1 s follows one at 1 s"):
        Replay((PICTURE,), (frame(1), frame(1)), "")


def test_a_part_that_no_picture_has_and_one_that_no_frame_sets_are_named() -> None:
    with pytest.raises(ValueError, match="do not agree on b"):
        Replay((PICTURE, '<svg><g data-part="b"/></svg>'), (frame(0),), "")
    with pytest.raises(ValueError, match="do not agree on a"):
        Replay((PICTURE.replace('data-part="a"', ""),), (frame(0),), "")


@pytest.mark.parametrize("known", REPLAYED, ids=lambda known: known.slug)
@pytest.mark.parametrize("scenario", range(-1, 5))
def test_every_scenario_can_be_replayed_from_its_beginning_to_its_end(known: Any, scenario: int) -> None:
    result = known.run(known.parse(known.scenarios[scenario].params if scenario >= 0 else {}), 1)

    replay = known.replay(result)

    assert replay.frames[0].at_s == 0
    assert replay.frames[-1].at_s == result.duration_s
    assert replay.frames[0].key
    assert replay.frames[-1].key
    assert replay.note.endswith(".")


@settings(max_examples=60, deadline=None)
@given(values=ANY_PARAMS, seed=SEEDS)
def test_any_replay_keeps_to_its_bounds_and_survives_packing(values: dict[str, Any], seed: int) -> None:
    result = CIRCUIT_BREAKER.run(CIRCUIT_BREAKER.parse(values), seed)
    assert CIRCUIT_BREAKER.replay

    replay = CIRCUIT_BREAKER.replay(result)

    assert 2 <= len(replay.frames) <= MOST_FRAMES
    assert all(before.at_s < after.at_s for before, after in pairwise(replay.frames))
    assert all(frame.say.endswith(".") for frame in replay.frames)
    assert unpacked(packed(replay)) == [frame.parts for frame in replay.frames]
    children = _children(replay)
    for one in replay.frames:
        for name, part in one.parts.items():
            assert part.keys() <= SETTINGS
            assert 0 <= float(part.get("share", 0)) <= 1
            for row in ("cells", "levels"):
                assert len(str(part.get(row, ""))) in (0, children[name])
            assert int(part.get("head", -1)) < max(1, children[name])


@pytest.mark.parametrize("changes", LARGEST.values(), ids=LARGEST.keys())
def test_the_largest_run_is_replayed_well_within_a_tasks_time_and_in_few_bytes(changes: dict[str, Any]) -> None:
    wanted = Run(CIRCUIT_BREAKER, CIRCUIT_BREAKER.parse(LARGE | changes), part=Part.REPLAY)
    services.compute(Run(CIRCUIT_BREAKER, CIRCUIT_BREAKER.parse({}), part=Part.REPLAY))  # compiles

    started = time.process_time()  # of this process alone, whatever else the machine does
    replay = services.compute(wanted)
    took_s = time.process_time() - started

    size = len(gzip.compress(json.dumps(replay, separators=(",", ":")).encode(), 6))
    assert took_s < SOFT_LIMIT_S / 3
    assert size < LARGEST_GZIPPED
    assert len(replay["frames"]) > MOST_FRAMES - 10


def _children(replay: Replay) -> dict[str, int]:
    """Part name -> how many children it has in the pictures."""
    return {
        part.attrib["data-part"]: len(part)
        for picture in replay.pictures
        for part in ElementTree.fromstring(picture).iter()
        if "data-part" in part.attrib
    }
