"""Decks for Anki: the questions on one pattern, without any schedule, the same bytes for the same questions.

Every id follows from a question's or a pattern's own, so a deck that is imported again renews its notes and leaves
what Anki knows of the learner's reviews alone.
"""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time
from hashlib import sha256
from html import escape
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import genanki

from patterns.catalogue import TASKS
from quizzes.bank import BankOption, BankQuestion
from quizzes.practice import LETTERS, shuffled

MODEL_NAME = "Halfopen question"
FIELDS = ("Id", "Question", "Options", "Answer", "Sources", "Task")
# Anki's own ids are milliseconds since 1970; these lie between 2014 and 2023.
FIRST_ID = 1_400_000_000_000
IDS = 300_000_000_000

FRONT = """<div class="halfopen">
<div class="stem">{{Question}}</div>
{{Options}}
</div>"""
BACK = """<div class="halfopen">
<div class="stem">{{Question}}</div>
<hr id="answer">
{{Answer}}
<div class="sources">{{Sources}}</div>
<div class="task">{{Task}}</div>
</div>"""
CSS = """.card { font: 17px/1.5 system-ui, sans-serif; color: #1d2433; background: #fbfaf7; }
.halfopen { max-width: 40em; margin: 0 auto; padding: 0 .5em; text-align: left; }
.stem { white-space: pre-line; font-weight: 600; }
ol { list-style: upper-alpha; padding-left: 1.6em; }
li { margin: .5em 0; }
.text { white-space: pre-line; }
.reason { display: block; white-space: pre-line; font-size: .9em; }
.verdict { font-weight: 600; white-space: nowrap; }
.right .verdict { color: #1b6e3c; }
.wrong .verdict { color: #a5341f; }
.reason, .sources, .task { color: #565f70; }
.sources, .task { font-size: .8em; margin-top: 1em; overflow-wrap: anywhere; }
a { color: #2456b3; }
.nightMode.card, .night_mode .card { color: #e6e8ee; background: #161a22; }
.nightMode .right .verdict, .night_mode .right .verdict { color: #74d19a; }
.nightMode .wrong .verdict, .night_mode .wrong .verdict { color: #f09a86; }
.nightMode .reason, .nightMode .sources, .nightMode .task,
.night_mode .reason, .night_mode .sources, .night_mode .task { color: #a9b1c2; }
.nightMode a, .night_mode a { color: #8fb4ff; }
"""


def deck(pattern: str, title: str, questions: Sequence[BankQuestion]) -> bytes:
    """An .apkg file with one card per question, in the order of their ids."""
    ordered = sorted(questions, key=lambda question: question.id)
    made = genanki.Deck(
        stable_id(f"deck {pattern}"), f"Halfopen::{title}", f"Questions of Halfopen on {escape(title)}."
    )
    for place, question in enumerate(ordered):
        made.add_note(note(question, place))
    changed_at = max((_checked_at(question) for question in ordered), default=float(FIRST_ID / 1000))
    return _packed(made, [question.id for question in ordered], changed_at)


def stable_id(name: str) -> int:
    """A number in Anki's range that belongs to a name for good."""
    return FIRST_ID + int.from_bytes(sha256(f"halfopen {name}".encode()).digest()[:8]) % IDS


def note(question: BankQuestion, place: int = 0) -> genanki.Note:
    """A question as a note; `place` is where it comes among the new ones of its deck."""
    order = shuffled(range(len(question.options)), question.id)
    options = [question.options[index] for index in order]
    return genanki.Note(
        model=_model(),
        guid=genanki.guid_for("halfopen", question.id),
        due=place,
        tags=[f"halfopen::{slug}" for slug in question.patterns] + [f"task::{question.task}"],
        fields=[
            question.id,
            escape(question.stem),
            "<ol>"
            + "".join(f'<li><span class="text">{escape(option.text)}</span></li>' for option in options)
            + "</ol>",
            "<ol>" + "".join(map(_with_reason, options)) + "</ol>" + _key(options),
            "".join(
                f'<div><a href="{escape(source.url)}">{escape(source.title)}</a>, checked {source.checked}</div>'
                for source in question.sources
            ),
            escape(f"{question.task} {TASKS.get(question.task, '')}".strip()),
        ],
    )


def _model() -> genanki.Model:
    return genanki.Model(
        stable_id("model 1"),
        MODEL_NAME,
        fields=[{"name": name} for name in FIELDS],
        templates=[{"name": "Question", "qfmt": FRONT, "afmt": BACK}],
        css=CSS,
        sort_field_index=0,
    )


def _with_reason(option: BankOption) -> str:
    verdict = "right" if option.correct else "wrong"
    sign = "✓" if option.correct else "✗"
    return (
        f'<li class="{verdict}"><span class="text">{escape(option.text)}</span> '
        f'<span class="verdict">{sign} {verdict}</span><span class="reason">{escape(option.reason)}</span></li>'
    )


def _key(options: Sequence[BankOption]) -> str:
    letters = [letter for letter, option in zip(LETTERS, options, strict=False) if option.correct]
    return f'<div class="verdict">Right: {" and ".join(letters)}</div>'


def _checked_at(question: BankQuestion) -> float:
    """When its sources were last checked: the day a question says it was last gone over, so that newer ones win."""
    days = [source.checked for source in question.sources]
    return datetime.combine(max(days), time(), UTC).timestamp() if days else FIRST_ID / 1000


def _packed(made: genanki.Deck, ids: Sequence[str], changed_at: float) -> bytes:
    """As genanki's Package writes it, but in memory, and with nothing of the clock in it."""
    with sqlite3.connect(":memory:") as connection:
        genanki.Package(made).write_to_db(connection.cursor(), changed_at, _note_and_card_ids(ids))
        connection.commit()
        collection = connection.serialize()
    connection.close()
    packed = io.BytesIO()
    with ZipFile(packed, "w") as file:
        for name, content in (("collection.anki2", collection), ("media", json.dumps({}).encode())):
            file.writestr(ZipInfo(name), content, ZIP_DEFLATED)
    return packed.getvalue()


def _note_and_card_ids(ids: Sequence[str]) -> Iterator[int]:
    """In the order in which genanki asks: a note, then its only card."""
    for id in ids:
        yield stable_id(f"note {id}")
        yield stable_id(f"card {id}")
