"""What makes a question unfair or unclear, rule by rule. Each rule returns (where, message) for what it finds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quizzes.bank import BankOption, BankQuestion

Problem = tuple[str, str]

SELECT = re.compile(r"\(Select (\w+)\.\)")
NUMBER_WORDS = {"TWO": 2, "THREE": 3}
CATCH_ALL = re.compile(r"\b(all|none) of the (above|options|answers)\b|\bboth [A-F] and [A-F]\b", re.IGNORECASE)
NEGATIVE = re.compile(
    r"\b(NOT|EXCEPT)\b|\b[Ww]hich(?: of (?:the following|these)(?: \w+)?| \w+)?"
    r" (?:is|are|does|do|would|will|should|can) not\b|\bexcept\s*\?"
)
ORDINALS = "first|second|third|fourth|fifth|sixth|last|previous|next|above|below|top|bottom"
POSITION = re.compile(
    r"\b(?:[Oo]ptions?|[Aa]nswers?|[Cc]hoices?) (?:[A-F]\b|[1-6]\b)"
    rf"|\b(?:{ORDINALS}) (?:option|answer|choice)s?\b"
    r"|\b[A-F] (?:and|or) [A-F]\b|\([A-F]\)|^[A-F][.:)] "
)
LONGER_TIMES = 1.4
LONGER_CHARACTERS = 25


def problems(question: BankQuestion) -> list[Problem]:
    """Everything a rule finds wrong with one question, in the order of the rules."""
    return [problem for rule in RULES for problem in rule(question)]


def _four_options_and_one_key(question: BankQuestion) -> Iterator[Problem]:
    if question.type != "multiple-choice":
        return
    if len(question.options) != 4:
        yield "options", f"{len(question.options)} options; a multiple-choice question has 4"
    if len(question.keys) != 1:
        yield "options", f"{len(question.keys)} correct; a multiple-choice question has 1"
    if found := SELECT.search(question.stem):
        yield "stem", f"“{found[0]}” belongs to multiple-response questions"


def _five_options_and_the_number_asked_for(question: BankQuestion) -> Iterator[Problem]:
    if question.type != "multiple-response":
        return
    if not 5 <= len(question.options) <= 6:
        yield "options", f"{len(question.options)} options; a multiple-response question has 5 or 6"
    asked = SELECT.findall(question.stem)
    if len(asked) != 1 or asked[0] not in NUMBER_WORDS:
        yield "stem", "a multiple-response stem says “(Select TWO.)” or “(Select THREE.)”, once"
    elif NUMBER_WORDS[asked[0]] != len(question.keys):
        yield "options", f"{len(question.keys)} correct, but the stem says “(Select {asked[0]}.)”"
    if len(question.keys) < 2:
        yield "options", f"{len(question.keys)} correct; a multiple-response question has 2 or more"


def _no_catch_all(question: BankQuestion) -> Iterator[Problem]:
    for where, option in _options(question):
        if found := CATCH_ALL.search(option.text):
            yield f"{where}.text", f"“{found[0]}” tests reading, not knowledge; write an option that stands alone"


def _no_negative_stem(question: BankQuestion) -> Iterator[Problem]:
    if found := NEGATIVE.search(question.stem):
        yield "stem", f"negative stem (“{found[0]}”); ask for what is right"


def _no_letters_in_reasons(question: BankQuestion) -> Iterator[Problem]:
    for where, option in _options(question):
        if found := POSITION.search(option.reason):
            yield (
                f"{where}.reason",
                f"“{found[0]}” names a place, and options are shuffled; say what the option does",
            )


def _no_option_twice(question: BankQuestion) -> Iterator[Problem]:
    seen: set[str] = set()
    for where, option in _options(question):
        if option.text.casefold() in seen:
            yield f"{where}.text", "says the same as an earlier option"
        seen.add(option.text.casefold())


def _key_not_given_away_by_length(question: BankQuestion) -> Iterator[Problem]:
    longest_wrong = max((len(option.text) for option in question.options if not option.correct), default=0)
    for where, option in _options(question):
        length = len(option.text)
        if option.correct and length >= LONGER_TIMES * longest_wrong and length - longest_wrong >= LONGER_CHARACTERS:
            yield (
                f"{where}.text",
                f"the correct option has {length} characters, the longest wrong one {longest_wrong}; even them out",
            )


def _options(question: BankQuestion) -> Iterator[tuple[str, BankOption]]:
    for index, option in enumerate(question.options):
        yield f"options[{index + 1}]", option


RULES: tuple[Callable[[BankQuestion], Iterator[Problem]], ...] = (
    _four_options_and_one_key,
    _five_options_and_the_number_asked_for,
    _no_catch_all,
    _no_negative_stem,
    _no_letters_in_reasons,
    _no_option_twice,
    _key_not_given_away_by_length,
)
