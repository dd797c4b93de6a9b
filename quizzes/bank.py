"""Reads the bank of questions in quizzes/content, checks it and saves it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from django.db import transaction
from django.db.models import Q
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from patterns.catalogue import TASKS
from patterns.content import Finding, Source
from patterns.sandbox_links import sandbox_link
from quizzes import lint
from quizzes.models import Question, QuestionPattern

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]


class Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BankOption(Entry):
    text: Text
    correct: bool = False
    reason: Text


class BankQuestion(Entry):
    """One question as its file holds it."""

    id: Slug
    type: Literal["multiple-choice", "multiple-response"]
    stem: Text
    options: tuple[BankOption, ...]
    patterns: tuple[Slug, ...] = ()
    task: str
    difficulty: Annotated[int, Field(ge=1, le=3)]
    level: Literal["recall", "apply", "analyse"]
    sandbox: Annotated[str, StringConstraints(max_length=500)] = ""
    sources: tuple[Source, ...]

    @property
    def keys(self) -> tuple[int, ...]:
        return tuple(index for index, option in enumerate(self.options) if option.correct)

    @property
    def fingerprint(self) -> str:
        """Changes with the stem, the number of options and which of them are right; not with their wording."""
        told = "\n".join([self.type, " ".join(self.stem.split()), str(len(self.options)), str(self.keys)])
        return hashlib.sha256(told.encode()).hexdigest()


@dataclass(frozen=True)
class Counts:
    """What saving the bank did to how many questions."""

    new: int
    changed: int
    unchanged: int
    retired: int


class AnsweredQuestionChanged(ValueError):
    """The bank asks something else under the id of a question that has answers. Nothing was saved."""

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__(
            "; ".join(f"{id}: has answers, and its stem, its key or the order of its options changed" for id in ids)
            + "; give it a new id, so that the old answers stay true"
        )
        self.ids = tuple(ids)


def read_bank(folder: Path, pattern_slugs: Collection[str]) -> tuple[tuple[BankQuestion, ...], tuple[Finding, ...]]:
    """The questions of all *.yaml files of a folder, in the order of their files, and what is wrong with them.

    A question that does not fit the format is left out and found; one that breaks a rule is in both. Writes nothing.
    """
    questions: list[BankQuestion] = []
    findings: list[Finding] = []
    seen: dict[tuple[str, str], str] = {}
    for path in sorted(folder.glob("*.yaml")):
        for where, entry in _entries(path, findings):
            question = _question(path.name, where, entry, findings)
            if question:
                problems = [*_checked(question, pattern_slugs), *_repeated(question, seen)]
                findings += [Finding(path.name, f"{question.id}: {field}", said) for field, said in problems]
                questions.append(question)
    return tuple(questions), tuple(findings)


def save_bank(questions: Sequence[BankQuestion]) -> Counts:
    """Make the database hold exactly these questions, in one transaction. Saving the same again changes nothing.

    Questions that are gone from the bank are retired: kept with their answers, offered no more.
    Raises AnsweredQuestionChanged, and saves nothing, if old answers would no longer be true.
    """
    with transaction.atomic():
        # The lock keeps an answer from arriving between this check and the save.
        rows = {row.id: row for row in Question.objects.select_for_update().prefetch_related("patterns")}
        _refuse_to_falsify_answers(questions, rows)
        verdicts = [_save(question, rows.get(question.id)) for question in questions]
        gone = set(rows) - {question.id for question in questions}
        retired = Question.objects.filter(id__in=gone, retired=False).update(retired=True)
    return Counts(verdicts.count("new"), verdicts.count("changed"), verdicts.count("unchanged"), retired)


def _entries(path: Path, findings: list[Finding]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(where, raw question) of one file; what cannot be read is found."""
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "file"
        findings.append(Finding(path.name, where, f"is not YAML: {getattr(error, 'problem', None) or error}"))
        return
    listed = content.get("questions") if isinstance(content, dict) else None
    if not isinstance(listed, list) or set(content) != {"questions"}:
        findings.append(Finding(path.name, "file", "must hold one key, `questions`, with a list of questions"))
        return
    for number, entry in enumerate(listed, start=1):
        where = f"question {number}"
        if isinstance(entry, dict):
            yield str(entry.get("id") or where), entry
        else:
            findings.append(Finding(path.name, where, "is not a mapping with id, type, stem, options and so on"))


def _question(file: str, where: str, entry: Mapping[str, Any], findings: list[Finding]) -> BankQuestion | None:
    try:
        return BankQuestion.model_validate(entry)
    except ValidationError as error:
        for item in error.errors():
            field = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in item["loc"])
            findings.append(Finding(file, f"{where}: {field.removeprefix('.')}", _in_words(item)))
        return None


def _in_words(item: Any) -> str:
    """A pydantic error, naming the value where there is one to name."""
    match item["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "is not a field of the format"
        case "string_too_short":
            return "is empty"
        case "value_error":
            return str(item["msg"]).removeprefix("Value error, ")
        case "string_pattern_mismatch":
            return f"is {item['input']}; use lower-case letters, digits and single hyphens"
        case _:
            return f"is {str(item['input'])[:60]!r}: {item['msg'][0].lower()}{item['msg'][1:]}"


def _checked(question: BankQuestion, pattern_slugs: Collection[str]) -> Iterator[lint.Problem]:
    for slug in question.patterns:
        if slug not in pattern_slugs:
            yield "patterns", f"{slug} is not a pattern; use {', '.join(sorted(pattern_slugs)) or 'a page that exists'}"
    if len(set(question.patterns)) != len(question.patterns):
        yield "patterns", "names a pattern twice"
    if not question.sources:
        yield "sources", "is empty; name at least one page of official documentation"
    if question.task not in TASKS:
        yield "task", f"{question.task} is not a task of the exam guide; use one of {', '.join(TASKS)}"
    if question.sandbox:
        yield from (("sandbox", said) for said in sandbox_link(question.sandbox).problems)
    yield from lint.problems(question)


def _repeated(question: BankQuestion, seen: dict[tuple[str, str], str]) -> Iterator[lint.Problem]:
    """Ids and stems met before, in this file or an earlier one."""
    stem = " ".join(question.stem.casefold().split())
    if ("id", question.id) in seen:
        yield "id", "is used twice; every question has its own"
    elif ("stem", stem) in seen:
        yield "stem", f"is the same as that of {seen['stem', stem]}"
    seen.setdefault(("id", question.id), question.id)
    seen.setdefault(("stem", stem), question.id)


def _refuse_to_falsify_answers(questions: Sequence[BankQuestion], rows: Mapping[str, Question]) -> None:
    told_apart = [question for question in questions if question.id in rows and _asks_anew(question, rows[question.id])]
    answered = set(
        Question.objects.filter(id__in=[question.id for question in told_apart])
        .filter(Q(answers__isnull=False) | Q(items__isnull=False))
        .values_list("id", flat=True)
        .distinct()
    )
    if answered:
        raise AnsweredQuestionChanged(sorted(answered))


def _asks_anew(question: BankQuestion, row: Question) -> bool:
    """Whether old answers, kept by the options' places, would tell something else."""
    if question.fingerprint != row.fingerprint:
        return True
    before = {option["text"]: index for index, option in enumerate(row.options)}
    return any(before.get(option.text, index) != index for index, option in enumerate(question.options))


def _save(question: BankQuestion, row: Question | None) -> Literal["new", "changed", "unchanged"]:
    fields = question.model_dump(mode="json", exclude={"id", "patterns"}) | {
        "stem": " ".join(question.stem.split()),
        "fingerprint": question.fingerprint,
        "retired": False,
    }
    if row and _patterns(row) == question.patterns and all(getattr(row, name) == fields[name] for name in fields):
        return "unchanged"
    saved, is_new = Question.objects.update_or_create(id=question.id, defaults=fields)
    saved.patterns.all().delete()
    QuestionPattern.objects.bulk_create(QuestionPattern(question=saved, pattern=slug) for slug in question.patterns)
    return "new" if is_new else "changed"


def _patterns(row: Question) -> tuple[str, ...]:
    return tuple(link.pattern for link in row.patterns.all())
