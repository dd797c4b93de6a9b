"""Moodle XML: a <quiz> of <question type="...">, as Moodle writes and reads it.

Source: question/format/xml/format.php of Moodle and the files its tests read.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from math import isfinite, nan
from xml.etree.ElementTree import Element, ParseError, SubElement, indent, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from quizzes.bank import BankQuestion
from quizzes.exchange import (
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

OWN_TAG = "halfopen"
DEEPEST = 32
MOST_ELEMENTS = 5_000
# Tags are what a question keeps of ours when it has been through Moodle itself.
TAGGED = {"task": "task:", "difficulty": "difficulty:", "level": "level:"}
PATTERN_TAG = "pattern:"
OTHER_TYPES = {
    "truefalse": "a true/false question has two options; the bank asks one of four or several of five",
    "shortanswer": "a short answer has no options to choose from",
    "numerical": "a numerical question has no options to choose from",
    "calculated": "a calculated question has no options to choose from",
    "matching": "a matching question has pairs, not options to choose from",
    "essay": "an essay has no options to choose from",
    "cloze": "a cloze question has several gaps, each with answers of its own",
    "description": "a description asks nothing",
}


def write(questions: Sequence[BankQuestion]) -> str:
    """The questions as a Moodle XML file. They must be `writable`."""
    quiz = Element("quiz")
    for question in questions:
        _add(quiz, question)
    indent(quiz)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(quiz, encoding="unicode") + "\n"


def read(content: bytes) -> Imported:
    """What a Moodle XML file holds, question by question. Raises CannotImport for a file that is unsafe or no XML."""
    imported = Imported()
    category = ""
    for question in _elements(content):
        if question.get("type") == "category":
            category = _raw(question.find("category"))
        else:
            number = len(imported.drafts) + len(imported.skipped) + 1
            imported.add(_question(question, f"question {number}", category))
    if not imported.drafts and not imported.skipped:
        raise CannotImport("holds no <question>")
    return imported


# Out ----------------------------------------------------------------------------------------------------------------


def _add(quiz: Element, question: BankQuestion) -> None:
    element = SubElement(quiz, "question", type="multichoice")
    SubElement(SubElement(element, "name"), "text").text = question.id
    _text(element, "questiontext", question.stem)
    _text(element, "generalfeedback", "\n".join(f"{source.title}: {source.url}" for source in question.sources))
    several = question.type == "multiple-response"
    for name, value in (
        ("defaultgrade", "1"),
        ("penalty", "0"),
        ("hidden", "0"),
        ("idnumber", question.id),
        ("single", "false" if several else "true"),
        ("shuffleanswers", "true"),
        ("answernumbering", "ABCD"),
    ):
        SubElement(element, name).text = value
    for option in question.options:
        answer = _text(element, "answer", option.text)
        answer.set("fraction", f"{weight_percent(question, option.correct):.5f}".rstrip("0").rstrip("."))
        _text(answer, "feedback", option.reason)
    tags = SubElement(element, "tags")
    for tag in [f"{prefix}{getattr(question, name)}" for name, prefix in TAGGED.items()] + [
        f"{PATTERN_TAG}{slug}" for slug in question.patterns
    ]:
        SubElement(SubElement(tags, "tag"), "text").text = tag
    SubElement(element, OWN_TAG).text = carried(question)


def _text(parent: Element, name: str, text: str) -> Element:
    element = SubElement(parent, name, format="plain_text")
    SubElement(element, "text").text = text
    return element


# In -----------------------------------------------------------------------------------------------------------------


def _elements(content: bytes) -> Iterator[Element]:
    """Each <question>, and no more of the file at once."""
    depth = elements = 0
    quiz = None
    for event, element in _events(content):
        if event == "start":
            depth += 1
            elements += 1
            if depth == 1 and element.tag != "quiz":
                raise CannotImport(f"begins with <{element.tag}>; a Moodle XML file begins with <quiz>")
            if depth > DEEPEST:
                raise CannotImport(f"nests <{element.tag}> {depth} deep; use at most {DEEPEST}")
            if elements > MOST_ELEMENTS:
                raise CannotImport(f"has a question of more than {MOST_ELEMENTS:,} elements; use fewer")
            quiz = element if quiz is None else quiz
            continue
        depth -= 1
        if depth == 1 and quiz is not None:
            if element.tag == "question":
                yield element
            quiz.clear()
            elements = 1


def _events(content: bytes) -> Iterator[tuple[str, Element]]:
    """What begins and ends in a file without a document type. LookupError and ValueError are unknown encodings."""
    try:
        yield from iterparse(io.BytesIO(content), events=("start", "end"), forbid_dtd=True)
    except DefusedXmlException:
        raise CannotImport("declares a document type or entities, which can grow without end; remove them") from None
    except (ParseError, LookupError, ValueError) as error:
        raise CannotImport(f"is not XML: {error}") from None


def _question(question: Element, fallback: str, category: str) -> Draft | Skipped:
    name = _raw(question.find("name")) or fallback
    type = question.get("type", "")
    if type != "multichoice":
        return Skipped(name, OTHER_TYPES.get(type, f"type {type or 'unnamed'} is not one the bank has"))
    answers = question.findall("answer")
    shown = [_told(question.find("questiontext")), *map(_told, answers)]
    refusal = _pictures(question, shown)
    if refusal:
        return Skipped(name, refusal)
    reasons = [_told(answer.find("feedback")) for answer in answers]
    notes = _notes([*shown, *reasons], question, category)
    told, problem = _carried(question)
    single = _raw(question.find("single"), "true").lower() not in ("false", "0")
    choices = [
        Choice(text.text, _percent(answer), reason.text)
        for answer, text, reason in zip(answers, shown[1:], reasons, strict=True)
    ]
    if not all(isfinite(choice.percent) for choice in choices):
        return Skipped(name, "the fraction of one of its answers is not a number")
    return draft(name, shown[0].text, choices, single, told, [*notes, *problem])


def _raw(element: Element | None, otherwise: str = "") -> str:
    """The text of <name><text>…</text></name>, or of <name>…</name>."""
    if element is None:
        return otherwise
    inner = element.find("text")
    return ((inner if inner is not None else element).text or otherwise).strip()


def _told(element: Element | None) -> Told:
    format = element.get("format", "moodle_auto_format") if element is not None else ""
    raw = _raw(element)
    if format in ("plain_text", "markdown"):
        return Told(raw)
    return from_html(raw, keeps_lines=format == "moodle_auto_format")


def _pictures(question: Element, shown: Sequence[Told]) -> str:
    """Why a question needs more than text; else empty. A file that only feedback holds is not needed."""
    places = [question, question.find("questiontext"), *question.findall("answer")]
    files = [file.get("name", "unnamed") for place in places if place is not None for file in place.findall("file")]
    old = question.find("image")
    files += [_raw(old)] if old is not None and _raw(old) else []
    if files:
        return f"it holds a file, {files[0][:60]}; questions of the bank are text alone"
    if any(told.has_pictures for told in shown):
        return "it shows a picture; questions of the bank are text alone"
    return ""


def _notes(told: Sequence[Told], question: Element, category: str) -> list[str]:
    lost = sorted(frozenset().union(*(one.lost for one in told)))
    notes = [f"markup is gone that may have meant something: {', '.join(lost)}"] if lost else []
    if any(feedback.find("file") is not None for feedback in question.iter("feedback")):
        notes.append("a file in a feedback is left out")
    general = _told(question.find("generalfeedback")).text
    if general and question.find(OWN_TAG) is None:
        notes.append(f"general feedback: {' '.join(general.split())[:300]}")
    return [*notes, f"category {category}"] if category else notes


def _percent(answer: Element) -> float:
    """What choosing it is worth; not a number for what is none."""
    try:
        return float(answer.get("fraction", "0"))
    except ValueError:
        return nan


def _carried(question: Element) -> tuple[dict[str, object], list[str]]:
    """What Halfopen wrote beside the question, else what the question's tags and its id number say."""
    own = question.find(OWN_TAG)
    problem = []
    if own is not None:
        try:
            return uncarried(own.text or ""), []
        except ValueError as error:
            problem = [f"its <{OWN_TAG}> cannot be read: {error}"]
    tags = [_raw(tag) for tag in question.iterfind("tags/tag")]
    told: dict[str, object] = {
        name: tag.removeprefix(prefix) for name, prefix in TAGGED.items() for tag in tags if tag.startswith(prefix)
    }
    if str(told.get("difficulty", "")).isdecimal():
        told["difficulty"] = int(str(told["difficulty"]))
    patterns = [tag.removeprefix(PATTERN_TAG) for tag in tags if tag.startswith(PATTERN_TAG)]
    return told | ({"patterns": patterns} if patterns else {}), problem
