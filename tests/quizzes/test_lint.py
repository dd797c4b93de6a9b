from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quizzes import lint
from quizzes.bank import BankQuestion
from tests.quizzes.conftest import CHOICE, RESPONSE, entry


def problems(raw: dict[str, Any]) -> list[lint.Problem]:
    return lint.problems(BankQuestion.model_validate(raw))


def with_option(index: int, **changes: Any) -> dict[str, Any]:
    options = entry()["options"]
    options[index] |= changes
    return entry(options=options)


def test_sound_questions_have_no_problems():
    assert problems(CHOICE) == []
    assert problems(RESPONSE) == []


def test_multiple_choice_has_four_options():
    assert problems(entry(options=CHOICE["options"][:3])) == [
        ("options", "3 options; a multiple-choice question has 4")
    ]


def test_multiple_choice_has_one_key():
    assert problems(with_option(1, correct=True)) == [("options", "2 correct; a multiple-choice question has 1")]


def test_multiple_choice_does_not_say_how_many_to_select():
    ((where, message),) = problems(entry(stem="Which two fail fast? (Select TWO.)"))

    assert (where, "(Select TWO.)" in message) == ("stem", True)


def test_multiple_response_has_five_options_or_six():
    assert ("options", "4 options; a multiple-response question has 5 or 6") in problems(
        entry(RESPONSE, options=RESPONSE["options"][:4])
    )


@pytest.mark.parametrize("stem", ["Which two close it?", "Which close it? (Select FOUR.)", "Which? (Select two.)"])
def test_multiple_response_says_how_many_to_select(stem):
    assert [where for where, _ in problems(entry(RESPONSE, stem=stem))] == ["stem"]


def test_the_number_asked_for_is_the_number_of_keys():
    assert problems(entry(RESPONSE, stem="Which three close it? (Select THREE.)")) == [
        ("options", "2 correct, but the stem says “(Select THREE.)”")
    ]


def test_multiple_response_has_two_keys_or_more():
    options = [option | {"correct": n == 0} for n, option in enumerate(RESPONSE["options"])]

    found = problems(entry(RESPONSE, options=options))

    assert ("options", "1 correct; a multiple-response question has 2 or more") in found


@pytest.mark.parametrize("text", ["All of the above", "None of the options", "Both A and B"])
def test_catch_all_options_are_found(text):
    assert [where for where, _ in problems(with_option(2, text=text))] == ["options[3].text"]


@pytest.mark.parametrize(
    "stem",
    [
        "Which change does NOT help?",
        "All of these help EXCEPT which?",
        "Which of the following is not a state?",
        "Which calls are not counted?",
        "Everything helps except?",
    ],
)
def test_negative_stems_are_found(stem):
    assert [where for where, _ in problems(entry(stem=stem))] == ["stem"]


@pytest.mark.parametrize(
    "stem",
    [
        "Requests must not pile up. Which change helps?",
        "Which design keeps calls that are not idempotent safe?",
        "All services except one are up. What fails fast?",
    ],
)
def test_a_not_in_the_scenario_is_no_negative_stem(stem):
    assert problems(entry(stem=stem)) == []


@pytest.mark.parametrize(
    "reason",
    ["Option B is better.", "Unlike answer 2, it helps.", "See the first option.", "A and C both fail.", "(D) helps."],
)
def test_reasons_that_name_a_place_are_found(reason):
    assert [where for where, _ in problems(with_option(3, reason=reason))] == ["options[4].reason"]


@pytest.mark.parametrize("reason", ["A breaker is an option too.", "The first call fails; A alone is a letter."])
def test_reasons_may_speak_of_options_without_naming_a_place(reason):
    assert problems(with_option(3, reason=reason)) == []


def test_two_options_that_say_the_same_are_found():
    assert problems(with_option(2, text="a longer timeout for the CALL")) == [
        ("options[3].text", "says the same as an earlier option")
    ]


@settings(deadline=None)
@given(wrong=st.integers(1, 120), right=st.integers(1, 220))
def test_a_key_is_given_away_by_length_exactly_when_both_limits_are_passed(wrong, right):
    texts = ["k" * right, "a" * wrong, "b", "c"]
    options = [{"text": text, "correct": n == 0, "reason": "because"} for n, text in enumerate(texts)]

    found = any("characters" in message for _, message in problems(entry(options=options)))

    assert found == (right >= 1.4 * wrong and right - wrong >= 25)
