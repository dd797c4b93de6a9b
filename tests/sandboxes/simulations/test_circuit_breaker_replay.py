"""The breaker's replay is the run itself: the same decisions, the same moments, the same books."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from sandboxes.simulations.circuit_breaker.breaker import CLOSED, HALF_OPEN, OPEN
from sandboxes.simulations.circuit_breaker.model import CircuitBreakerResult, run
from sandboxes.simulations.circuit_breaker.params import CircuitBreakerParams
from sandboxes.simulations.circuit_breaker.replay import MOST_CHANGES, moments, record, replay
from sandboxes.simulations.circuit_breaker.scene import Scene, scenes
from sandboxes.simulations.circuit_breaker.start import rules
from sandboxes.simulations.circuit_breaker.world import FAILED as CALL_FAILED
from sandboxes.simulations.circuit_breaker.world import REFUSED
from sandboxes.simulations.replays import MOST_FRAMES, Frame
from tests.sandboxes.simulations.test_circuit_breaker_model import ANY_PARAMS, SEEDS, params

FLAPPING = {
    "healthy_s": 1,
    "dead_s": 0,
    "recovered_s": 300,
    "background_error_percent": 50,
    "minimum_number_of_calls": 1,
    "sliding_window_size_calls": 2,
    "wait_duration_in_open_state_s": 0.1,
    "permitted_number_of_calls_in_half_open_state": 1,
}


def played(**changes: Any) -> CircuitBreakerResult:
    return run(params(**changes), 1)


def seen(result: CircuitBreakerResult) -> list[Scene]:
    at_s = moments(result).at_s
    return list(scenes(result, record(rules(result.params), result, at_s)))


def frames(**changes: Any) -> tuple[Frame, ...]:
    return replay(played(**changes)).frames


def key_sentences(**changes: Any) -> list[str]:
    return [frame.say for frame in frames(**changes) if frame.key]


@settings(max_examples=60, deadline=None)
@given(values=ANY_PARAMS, seed=SEEDS)
def test_each_scene_shows_the_state_and_the_books_of_its_moment(values: dict[str, Any], seed: int) -> None:
    result = run(CircuitBreakerParams.model_validate(values), seed)
    came, refused = result.arrival_s, result.outcome == REFUSED
    ended_s = came + result.latency_s

    for scene in seen(result):
        stretch = [stretch for stretch in result.stretches if stretch.start_s <= scene.at_s][-1]
        over = ~refused & (ended_s <= scene.at_s)
        assert scene.state == stretch.state
        assert scene.total.refused == np.count_nonzero(refused & (came <= scene.at_s))
        assert scene.total.passed == np.count_nonzero(~refused & (came <= scene.at_s))
        assert scene.total.ended == np.count_nonzero(over)
        assert scene.total.failed == np.count_nonzero(over & (result.outcome == CALL_FAILED))


def test_stopping_to_look_does_not_change_what_the_breaker_knows() -> None:
    result = played(kind="time", failing_s=20)
    at_s = moments(result).at_s

    often = record(rules(result.params), result, at_s)
    once = record(rules(result.params), result, at_s[-1:])

    assert often.memory[-1].tobytes() == once.memory[0].tobytes()


def test_the_window_holds_the_calls_that_ended_last() -> None:
    result = played(dead_s=0, background_error_percent=20)
    at_s = moments(result).at_s
    ended_s = result.arrival_s + result.latency_s
    order = np.argsort(ended_s, kind="stable")

    recording = record(rules(result.params), result, at_s)

    for frame in range(0, at_s.size, 50):
        latest = order[: np.searchsorted(ended_s[order], at_s[frame], side="right")][-100:]
        assert recording.memory["calls"][frame] == latest.size
        assert recording.memory["failed"][frame] == np.count_nonzero(result.outcome[latest] == CALL_FAILED)


def test_every_change_and_every_phase_has_a_frame_of_its_own() -> None:
    result = played(failing_s=5, slow_s=5)

    at_s = {frame.at_s for frame in replay(result).frames if frame.key}

    assert {stretch.start_s for stretch in result.stretches} <= at_s
    assert {phase.start_s for phase in result.phases} <= at_s


def test_around_a_change_there_is_a_frame_for_every_call() -> None:
    result = played()
    opened_s = next(stretch.start_s for stretch in result.stretches if stretch.state == OPEN)
    ended_s = np.sort((result.arrival_s + result.latency_s)[result.outcome != REFUSED])
    before_s = ended_s[ended_s < opened_s][-12:]
    after_s = result.arrival_s[result.arrival_s > opened_s][:12]

    at_s = {frame.at_s for frame in replay(result).frames}

    assert {*before_s.tolist(), *after_s.tolist()} <= at_s


def test_away_from_changes_the_frames_cover_the_whole_run() -> None:
    result = played()

    at_s = [frame.at_s for frame in replay(result).frames]

    assert max(after_s - before_s for before_s, after_s in pairwise(at_s)) <= result.duration_s / 200


def test_too_many_changes_are_thinned_evenly_and_the_rest_is_told() -> None:
    result = played(**FLAPPING)
    changes = [stretch.start_s for stretch in result.stretches[1:]]
    assert len(changes) > 10 * MOST_CHANGES

    found = replay(result)

    kept = [frame for frame in found.frames if frame.key and frame.at_s in set(changes)]
    assert len(found.frames) <= MOST_FRAMES
    assert MOST_CHANGES <= len(kept) <= 2 * MOST_CHANGES
    assert kept[len(kept) // 2].at_s == pytest.approx(result.duration_s / 2, rel=0.1)
    assert f"{len(changes):,} changes of state; {MOST_CHANGES} of them" in found.note
    assert any("changed its state" in frame.say for frame in found.frames)


def test_the_story_of_a_dead_dependency_is_told_at_its_changes() -> None:
    told = key_sentences()

    assert told[1].startswith("The dependency dies: calls get no answer, and give up after 2 s.")
    assert told[2].startswith("The breaker opens: 50 of 100 calls failed, 50 %.")
    assert told[3].startswith("The wait of 10 s is over and a call has come: half-open, with room for 5 trials.")
    assert told[3].endswith("4 of 5 permits left.")
    assert told[4].startswith("The breaker opens again: 5 of 5 calls failed, 100 %.")
    assert told[-2].startswith("The breaker closes: its trials went well.")
    assert told[-1] == "The run ends with the breaker closed."


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "consecutive", "background_error_percent": 0}, "The breaker opens: 5 failures in a row."),
        ({"kind": "consecutive", "background_error_percent": 0}, "The breaker opens again: the trial failed."),
        ({"kind": "consecutive", "background_error_percent": 0}, "The breaker closes: the trial succeeded."),
        ({"slow_s": 20, "dead_s": 0, "slow_call_rate_threshold": 40, "slow_factor": 40}, "calls were slow, 4"),
        ({"automatic_transition_from_open_to_half_open_enabled": True}, "half-open by its timer"),
        ({"max_wait_duration_in_half_open_state_s": 0.5}, "the trials were not decided within 500 ms"),
        ({"kind": "none"}, "The run begins without a breaker."),
        ({"failing_s": 9}, "The dependency begins to fail: 60 % of calls get an error."),
    ],
)
def test_other_breakers_tell_their_own_reasons(changes: dict[str, Any], words: str) -> None:
    assert any(words in sentence for sentence in key_sentences(**changes))


def test_the_pictures_show_the_state_the_wait_and_the_permits() -> None:
    by_state = {scene.state: frame for scene, frame in zip(seen(played()), frames(), strict=True)}

    assert by_state[CLOSED].parts["is-closed"] == {"state": "closed"}
    assert by_state[OPEN].parts["is-open"] == {"state": "open"}
    assert by_state[OPEN].parts["gate-words"] == {"text": "open"}
    assert by_state[HALF_OPEN].parts["permits-words"]["text"].endswith("of 5 left")  # type: ignore[union-attr]
    assert by_state[CLOSED].parts["wait"] == {"share": 0}
    opens = next(frame for frame in frames() if frame.parts["gate"] == {"state": "open"})
    assert opens.parts["wait"] == {"share": 1.0}


def test_calls_that_share_a_cell_show_the_worst_of_them() -> None:
    result = played(dead_s=0, background_error_percent=5, sliding_window_size_calls=1000)

    cells = str(replay(result).frames[-1].parts["cells"]["cells"])

    ring = record(rules(result.params), result, moments(result).at_s).memory["ring"][-1]
    failed = (ring[:, 1].reshape(250, 4).sum(axis=1) > 0).tolist()
    assert [letter in "FX" for letter in cells] == failed
    assert 30 < sum(failed) < 70  # 250 x (1 - 0.95^4) is 46


def test_what_moves_is_what_happened_since_the_frame_before() -> None:
    result = played()

    shown = replay(result).frames

    passed = sum(int(frame.parts["through"]["flow"]) for frame in shown)
    bounced = sum(int(frame.parts["bounced"]["flow"]) for frame in shown)
    assert bounced == np.count_nonzero(result.outcome == REFUSED)
    assert passed + bounced == result.outcome.size


def test_without_a_breaker_there_is_only_the_way_of_a_call() -> None:
    found = replay(played(kind="none"))

    assert len(found.pictures) == 1
    assert found.frames[-1].say == "The run ends."
