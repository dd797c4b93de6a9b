"""GIFT: questions as lines of text, as Moodle writes and reads them.

Source: question/format/gift/format.php of Moodle. A blank line ends a question, `//` begins a comment, `\\` takes the
meaning of ~ = # { } : and itself away, `\\n` is a line end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from quizzes.bank import BankQuestion
from quizzes.exchange import (
    MOST_CHOICES,
    CannotImport,
    Choice,
    Draft,
    Imported,
    Skipped,
    carried,
    draft,
    uncarried,
    weight_percent,
)
from quizzes.markup_to_text import Told, from_html

OWN_LINE = "// halfopen: "
SPECIAL = "\\~=#{}:"
# One character, with the backslash before it if there is one.
UNIT = re.compile(r"\\.|.", re.DOTALL)
WEIGHT = re.compile(r"%(-?[0-9]{1,3}(?:\.[0-9]*)?)%")
FORMAT = re.compile(r"\[(html|moodle|plain|markdown)\]")
# What Moodle would take for a format or a weight at the start of a text.
STARTS_LIKE_SYNTAX = ("[", "%")
LONGEST_QUESTION = 300_000
TRUE_OR_FALSE = ("T", "TRUE", "F", "FALSE")

Units = list[str]


def write(questions: Sequence[BankQuestion]) -> str:
    """The questions as a GIFT file. They must be `writable`."""
    head = "// Questions of Halfopen. The lines that begin with “// halfopen:” hold what GIFT has no place for.\n"
    return head + "".join(f"\n{_written(question)}" for question in questions)


def read(text: str) -> Imported:
    """What a GIFT file holds, question by question."""
    imported = Imported()
    category = ""
    for block in _blocks(text):
        own = next((line.strip()[len(OWN_LINE) :] for line in block if line.strip().startswith(OWN_LINE)), "")
        lines = [line for line in block if not line.strip().startswith("//")]
        if lines and lines[0].startswith("$CATEGORY:"):
            category = lines.pop(0).partition(":")[2].strip()
        if "".join(lines).strip():
            number = len(imported.drafts) + len(imported.skipped) + 1
            imported.add(_question("\n".join(lines).strip(), own, f"question {number}", category))
    if not imported.drafts and not imported.skipped:
        raise CannotImport("holds no questions in the GIFT format")
    return imported


# Out ----------------------------------------------------------------------------------------------------------------


def _written(question: BankQuestion) -> str:
    answers = []
    for option in question.options:
        worth = weight_percent(question, option.correct)
        mark = "~" if not worth else "=" if worth == 100 else f"~%{_decimal(worth)}%"
        answers.append(f"\t{mark}{_begun(option.text)}#{_begun(option.reason)}\n")
    sources = "\n".join(f"{source.title}: {source.url}" for source in question.sources)
    general = f"\t####{_begun(sources)}\n" if sources else ""
    told = f"{OWN_LINE}{carried(question)}\n::{_escaped(question.id)}::[plain]{_escaped(question.stem)}{{\n"
    return told + "".join(answers) + general + "}\n"


def _decimal(percent: float) -> str:
    """As Moodle lists its grades: five places, none of them for nothing. A third is 33.33333."""
    return f"{percent:.5f}".rstrip("0").rstrip(".")


def _begun(text: str) -> str:
    return ("[plain]" if text.startswith(STARTS_LIKE_SYNTAX) else "") + _escaped(text)


def _escaped(text: str) -> str:
    return "".join("\\" + char if char in SPECIAL else "\\n" if char == "\n" else char for char in text)


# In -----------------------------------------------------------------------------------------------------------------


def _blocks(text: str) -> list[list[str]]:
    """Lines that belong together. Only real line ends count, whatever else Unicode breaks lines at."""
    blocks: list[list[str]] = [[]]
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if line.strip(" \t"):
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]


def _question(text: str, own: str, fallback: str, category: str) -> Draft | Skipped:
    if len(text) > LONGEST_QUESTION:
        return Skipped(fallback, f"it has {len(text):,} characters; use at most {LONGEST_QUESTION:,}")
    units = UNIT.findall(text)
    name, units = _name(units)
    name = name or fallback
    opens, closes = _place(units, "{"), _place(units, "}")
    if opens is None and closes is None:
        return Skipped(name, "a description asks nothing")
    if opens is None or closes is None or closes < opens:
        return Skipped(name, "its { and } do not match")
    after = units[closes + 1 :]
    stem = _told(units[:opens] + (list("_____") + after if "".join(after).strip() else []), "moodle")
    if stem.told.has_pictures:
        return Skipped(name, "it shows a picture; questions of the bank are text alone")
    answers = _without_general_feedback(_stripped(units[opens + 1 : closes]))
    refusal = _other_type(answers)
    if refusal:
        return Skipped(name, refusal)
    single, choices, lost = _choices(answers, stem.format)
    notes = _notes(stem.told.lost | lost, category)
    told = {}
    if own:
        try:
            told = uncarried(own)
        except ValueError as error:
            notes.append(f"its line for Halfopen cannot be read: {error}")
    return draft(name, stem.told.text, choices, single, told, notes)


class _Piece:
    """A text with its format, which the texts after it share unless they name their own."""

    def __init__(self, told: Told, format: str) -> None:
        self.told = told
        self.format = format


def _told(units: Units, format: str) -> _Piece:
    raw = "".join(units).strip()
    named = FORMAT.match(raw)
    if named:
        format, raw = named[1], raw[named.end() :]
    text = "".join(_meant(unit) for unit in UNIT.findall(raw)).strip()
    if format in ("plain", "markdown"):
        return _Piece(Told(text), format)
    return _Piece(from_html(text, keeps_lines=format == "moodle"), format)


def _meant(unit: str) -> str:
    """A unit without the backslash that kept its meaning away."""
    if unit == "\\n":
        return "\n"
    return unit[1] if len(unit) == 2 and unit[1] in SPECIAL else unit


def _name(units: Units) -> tuple[str, Units]:
    if units[:2] != [":", ":"]:
        return "", units
    for place in range(2, len(units) - 1):
        if units[place : place + 2] == [":", ":"]:
            return "".join(map(_meant, units[2:place])).strip(), units[place + 2 :]
    return "", units[2:]


def _place(units: Units, mark: str) -> int | None:
    return units.index(mark) if mark in units else None


def _stripped(units: Units) -> Units:
    return UNIT.findall("".join(units).strip())


def _without_general_feedback(units: Units) -> Units:
    for place in range(len(units) - 4, -1, -1):
        if units[place : place + 4] == ["#"] * 4:
            return _stripped(units[:place])
    return units


def _other_type(answers: Units) -> str:
    """Why this is no question with options to read, in the order in which Moodle tells the types apart; else empty."""
    joined = "".join(answers)
    if not answers:
        return "an essay has no options to choose from"
    if answers[0] == "#":
        return "a numerical question has no options to choose from"
    if "~" in answers:
        marks = answers.count("~") + answers.count("=")
        return "" if marks <= MOST_CHOICES else f"number of options: {marks}; use 2 to {MOST_CHOICES}"
    if "=" in answers and "->" in joined:
        return "a matching question has pairs, not options to choose from"
    if joined.partition("#")[0].strip() in TRUE_OR_FALSE:
        return "a true/false question has two options; the bank asks one of four or several of five"
    return "a short answer has no options to choose from"


def _choices(answers: Units, format: str) -> tuple[bool, list[Choice], frozenset[str]]:
    """Whether one is to be chosen, the options, and the markup they lost."""
    parts: list[Units] = []
    for unit in answers:
        if unit == "~" or (unit == "=" and not (parts and parts[-1] == ["~"])):
            parts.append([unit])
        elif parts:
            parts[-1].append(unit)
        elif unit.strip():
            parts.append(["~", unit])
    choices, lost = [], set[str]()
    for mark, *rest in parts:
        percent = 100.0 if mark == "=" or rest[:1] == ["="] else 0.0
        rest = _stripped(rest[1:] if rest[:1] == ["="] else rest)
        if found := WEIGHT.match("".join(rest)):
            percent, rest = float(found[1]), rest[found.end() :]
        place = _place(rest, "#")
        text = _told(rest if place is None else rest[:place], format)
        feedback = _told([] if place is None else rest[place + 1 :], format)
        lost |= text.told.lost | feedback.told.lost
        if text.told.has_pictures:
            text = _Piece(Told(""), format)
        choices.append(Choice(text.told.text, percent, feedback.told.text))
    return "=" in answers, choices, frozenset(lost)


def _notes(lost: frozenset[str], category: str) -> list[str]:
    notes = [f"markup is gone that may have meant something: {', '.join(sorted(lost))}"] if lost else []
    return [*notes, f"category {category}"] if category else notes
