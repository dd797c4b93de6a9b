"""A learner's own answers as files, a row at a time, however many there are."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any

from accounts.models import User
from quizzes import attempts
from quizzes.models import Answer, Attempt

COLUMNS = (
    *("answered_at", "where", "question", "patterns", "task", "difficulty", "stem", "options_as_shown", "chosen"),
    *("right", "correct", "certainty", "first_exposure"),
)
AT_ONCE = 500
BETWEEN = " | "
# What makes a spreadsheet take a text for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


class _Line:
    """A file that gives back what is written to it, for csv.writer."""

    def write(self, line: str) -> str:
        return line


def rows(learner: User | None) -> Iterator[dict[str, Any]]:
    """One learner's answers, the oldest first. An exam that runs has none; one whose time is over is closed first."""
    if learner is None:
        return
    attempts.close_overdue(Attempt.objects.filter(learner=learner))
    answers = (
        Answer.objects.filter(learner=learner)
        .select_related("question", "session", "item__attempt", "review")
        .prefetch_related("question__patterns")
        .order_by("answered_at", "id")
    )
    for answer in answers.iterator(chunk_size=AT_ONCE):
        yield _row(answer)


def as_csv(learner: User | None) -> Iterator[str]:
    """The lines of a CSV file, with several values in one cell set apart by a bar."""
    writer = csv.writer(_Line())
    yield writer.writerow(COLUMNS)
    for row in rows(learner):
        yield writer.writerow([_cell(row[name]) for name in COLUMNS])


def as_json(learner: User | None) -> Iterator[str]:
    """The pieces of a JSON document, `{"answers": [...]}`."""
    yield '{"answers": ['
    for place, row in enumerate(rows(learner)):
        yield (",\n" if place else "\n") + json.dumps(row, ensure_ascii=False)
    yield "\n]}\n"


def _row(answer: Answer) -> dict[str, Any]:
    """One answer. What was only read once its exam was over was not tried: neither correct nor wrong."""
    question = answer.question
    options = question.options
    only_read = not hasattr(answer, "review")
    where = answer.item.attempt.title if answer.item else "Practice"
    return {
        "answered_at": answer.answered_at.isoformat(),
        "where": f"{where}, only read afterwards" if only_read else where,
        "question": question.id,
        "patterns": [link.pattern for link in question.patterns.all()],
        "task": question.task,
        "difficulty": question.difficulty,
        "stem": question.stem,
        "options_as_shown": [options[place]["text"] for place in answer.shown],
        "chosen": [options[place]["text"] for place in answer.chosen],
        "right": [options[place]["text"] for place in sorted(question.keys)],
        "correct": None if only_read else answer.correct,
        "certainty": answer.certainty,
        "first_exposure": answer.first_exposure,
    }


def _cell(value: Any) -> str:
    """As a spreadsheet may read it: yes and no in words, and nothing that it would take for a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = BETWEEN.join(value) if isinstance(value, list) else str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
