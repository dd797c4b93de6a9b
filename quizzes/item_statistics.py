"""What first answers say about the bank's questions and about an exam's form. Repeats measure memory and are left out.

Nothing is told below 20 answers, and what rests on fewer than 100 is marked as weak.
Facility        the share of first answers that were right; no answer in an exam counts as wrong, as it does there.
Discrimination  item-rest correlation: Pearson's r of the item with the mean of the same learner's other first answers.
Option shares   how many of those who chose anything chose it; a wrong option below 5 % distracts nobody.
Reliability     Cronbach's alpha (1951) of a form and the standard error of measurement, from the covariances of pairs
                of questions. Where all people had the same questions this is the textbook's alpha; where forms are
                drawn anew for everybody it estimates that of such a form.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, TypeVar

import numpy as np
from django.db.models import Count
from numpy.typing import NDArray

from quizzes.models import Answer, Attempt, OptionRow, Question, Report

ENOUGH_ANSWERS = 20
STRONG_ANSWERS = 100
# The mean of fewer other answers says little about what a learner knows.
LEAST_OTHERS = 5
DEAD_SHARE = 0.05

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
T = TypeVar("T", int, str)


@dataclass(frozen=True)
class OptionStatistics:
    """One option, and the share of choosers that chose it, or None where there are too few."""

    option: OptionRow
    share: float | None

    @property
    def share_percent(self) -> float | None:
        return None if self.share is None else 100 * self.share

    @property
    def is_dead(self) -> bool:
        return not self.option["correct"] and self.share is not None and self.share < DEAD_SHARE


@dataclass(frozen=True)
class ItemStatistics:
    """One question. A value is None where too few answers stand behind it, or where it is not defined."""

    question: Question
    answers: int
    facility: float | None
    discrimination: float | None
    options: tuple[OptionStatistics, ...]
    open_reports: int = 0

    @property
    def facility_percent(self) -> float | None:
        return None if self.facility is None else 100 * self.facility

    @property
    def is_weak(self) -> bool:
        return ENOUGH_ANSWERS <= self.answers < STRONG_ANSWERS

    @property
    def has_enough(self) -> bool:
        return self.answers >= ENOUGH_ANSWERS

    @property
    def key_may_be_wrong(self) -> bool:
        """Those who know more get it wrong more often."""
        return self.discrimination is not None and self.discrimination < 0

    @property
    def dead(self) -> int:
        return sum(option.is_dead for option in self.options)


@dataclass(frozen=True)
class FormStatistics:
    """One kind of exam: `people` had `length` questions that count. `error` is in questions."""

    title: str
    people: int
    length: int
    alpha: float | None
    error: float | None

    @property
    def is_weak(self) -> bool:
        return ENOUGH_ANSWERS <= self.people < STRONG_ANSWERS

    @property
    def error_percent(self) -> float | None:
        return None if self.error is None else 100 * self.error / self.length


# The formulas -------------------------------------------------------------------------------------------------------


def facility(right: int, answers: int) -> float | None:
    """The share of answers that were right, 0 to 1; None below 20 answers."""
    return right / answers if answers >= ENOUGH_ANSWERS else None


def discriminations(
    learners: Ints, items: Ints, right: Floats, least_others: int = LEAST_OTHERS, enough: int = ENOUGH_ANSWERS
) -> Floats:
    """Item-rest correlation of each item, shape (number of items,); nan where there is none.

    Learner `learners[i]` answered item `items[i]` with `right[i]`, 0 or 1; three arrays of one shape (n,). Only
    learners with `least_others` other answers count, and only items with `enough` of those.
    """
    count = int(items.max(initial=-1)) + 1
    asked, known = np.bincount(learners), np.bincount(learners, weights=right)
    others = asked[learners] - 1
    kept = others >= max(1, least_others)
    x, item = right[kept], items[kept]
    rest = (known[learners][kept] - x) / others[kept]

    def total(values: Floats) -> NDArray[Any]:
        return np.bincount(item, weights=values, minlength=count)

    n = np.bincount(item, minlength=count)
    at_least_one = np.maximum(n, 1)
    x_apart = x - (total(x) / at_least_one)[item]
    rest_apart = rest - (total(rest) / at_least_one)[item]
    spread = total(x_apart**2) * total(rest_apart**2)
    # Rounding leaves a trace of a spread where everybody has the same.
    defined = (n >= enough) & (spread > 1e-18)
    return np.where(defined, total(x_apart * rest_apart) / np.sqrt(np.where(defined, spread, 1.0)), np.nan)


def option_shares(chosen: Mapping[tuple[int, ...], int], options: int) -> list[float | None]:
    """For each option the share of choosers that chose it, 0 to 1, or None below 20 of them.

    `chosen` says how often each set of places was chosen; nothing chosen is no choice.
    """
    counts = [0] * options
    choosers = 0
    for places, times in chosen.items():
        choosers += times if places else 0
        for place in places:
            counts[place] += times
    return [count / choosers if choosers >= ENOUGH_ANSWERS else None for count in counts]


def reliability(scores: Floats, length: int) -> tuple[float, float] | None:
    """Cronbach's alpha of a form of `length` items and its standard error of measurement, in items.

    `scores` has shape (people, items) with 0, 1, or nan where somebody was not asked. None where it is not defined.
    """
    asked = ~np.isnan(scores)
    x, seen = np.where(asked, scores, 0.0), asked.astype(np.float64)
    together = seen.T @ seen
    sums = x.T @ seen
    products = x.T @ x - sums * sums.T / np.maximum(together, 1)
    freedom = np.maximum(together - 1, 0)
    apart = ~np.eye(scores.shape[1], dtype=bool)
    if length < 2 or not freedom[~apart].sum() or not freedom[apart].sum():
        return None
    variance = products[~apart].sum() / freedom[~apart].sum()
    covariance = products[apart].sum() / freedom[apart].sum()
    of_total = length * variance + length * (length - 1) * covariance
    if of_total <= 1e-12:
        return None
    alpha = length**2 * covariance / of_total
    return float(alpha), sqrt(of_total * max(0.0, 1 - alpha))


# The bank -----------------------------------------------------------------------------------------------------------


def of_questions(questions: Iterable[Question]) -> list[ItemStatistics]:
    """The statistics of each question, in their order: three queries, however many there are."""
    counts, right, correlations = _first_answers()
    chosen = _chosen()
    reports = open_reports()
    return [
        ItemStatistics(
            question,
            counts.get(question.id, 0),
            facility(right.get(question.id, 0), counts.get(question.id, 0)),
            correlations.get(question.id),
            _options(question, chosen.get(question.id, {})),
            reports.get(question.id, 0),
        )
        for question in questions
    ]


def open_reports() -> dict[str, int]:
    """Question id -> how many problem reports wait for a reply."""
    waiting = Report.objects.filter(resolved_at=None)
    return dict(waiting.values_list("question").annotate(Count("id")).order_by("question"))


def of_forms() -> list[FormStatistics]:
    """Each kind of exam that anybody has ended, from everybody's first attempt at it: one query."""
    return [_form(title, list(people.values())) for title, people in sorted(_first_attempts().items())]


def _first_answers() -> tuple[dict[str, int], dict[str, int], dict[str, float]]:
    """Per question: how many first answers, how many of them right, and their item-rest correlation if any."""
    rows = Answer.objects.filter(first_exposure=True).order_by()
    told = list(rows.values_list("learner_id", "question_id", "correct"))
    if not told:
        return {}, {}, {}
    learners, _ = _numbered([learner for learner, _, _ in told])
    items, ids = _numbered([question for _, question, _ in told])
    right = np.array([correct for _, _, correct in told], dtype=np.float64)
    counts, known = np.bincount(items), np.bincount(items, weights=right)
    correlations = discriminations(learners, items, right)
    return (
        dict(zip(ids, counts.tolist(), strict=True)),
        dict(zip(ids, known.astype(int).tolist(), strict=True)),
        {id: value for id, value in zip(ids, correlations.tolist(), strict=True) if not np.isnan(value)},
    )


def _numbered(values: Sequence[T]) -> tuple[Ints, list[T]]:
    """Each value's number in the order of first appearance, and the values by number."""
    numbers: dict[T, int] = {}
    places = [numbers.setdefault(value, len(numbers)) for value in values]
    return np.array(places, dtype=np.intp), list(numbers)


def _chosen() -> dict[str, dict[tuple[int, ...], int]]:
    """Question id -> how often each set of options was a first answer."""
    groups = (
        Answer.objects.filter(first_exposure=True)
        .values_list("question_id", "chosen")
        .annotate(times=Count("id"))
        .order_by("question_id")
    )
    told: dict[str, dict[tuple[int, ...], int]] = defaultdict(dict)
    for id, chosen, times in groups:
        told[id][tuple(chosen)] = times
    return told


def _options(question: Question, chosen: Mapping[tuple[int, ...], int]) -> tuple[OptionStatistics, ...]:
    shares = option_shares(chosen, len(question.options))
    return tuple(OptionStatistics(option, share) for option, share in zip(question.options, shares, strict=True))


def _first_attempts() -> dict[str, dict[int, dict[str, float]]]:
    """Title of a form -> learner -> question -> whether right; what counts and was new to them in their first one."""
    rows = (
        Answer.objects.filter(first_exposure=True, item__scored=True)
        .order_by("item__attempt__started_at", "item__attempt_id")
        .values_list(
            *("item__attempt_id", "item__attempt__kind", "item__attempt__pattern", "item__attempt__complete"),
            *("learner_id", "question_id", "correct"),
        )
    )
    firsts: dict[tuple[Any, ...], Any] = {}
    forms: dict[tuple[str, str, bool], dict[int, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for attempt, kind, pattern, complete, learner, question, correct in rows:
        if firsts.setdefault((kind, pattern, complete, learner), attempt) == attempt:
            forms[kind, pattern, complete][learner][question] = float(correct)
    return {
        Attempt(kind=kind, pattern=pattern, complete=complete).title: people
        for (kind, pattern, complete), people in forms.items()
    }


def _form(title: str, people: Sequence[Mapping[str, float]]) -> FormStatistics:
    length = max(map(len, people))
    told = reliability(_matrix(people), length) if len(people) >= ENOUGH_ANSWERS else None
    alpha, error = told or (None, None)
    return FormStatistics(title, len(people), length, alpha, error)


def _matrix(people: Sequence[Mapping[str, float]]) -> Floats:
    """People by questions, nan where somebody was not asked."""
    ids = sorted({id for person in people for id in person})
    return np.array([[person.get(id, np.nan) for id in ids] for person in people])
