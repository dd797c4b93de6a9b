"""Questions on their way in and out: what every format shares, and the files that are written.

Export writes what the bank offers. Import writes files in the bank's own format into a folder of their own, for
somebody to read, complete and move to quizzes/content: nothing gets into the bank from here.
What GIFT and Moodle XML have no place for (task, difficulty, level, patterns, sandbox, sources) travels as one line of
JSON that only Halfopen reads; see docs/import-and-export.md.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile, mkdtemp
from typing import Any

import yaml
from django.utils.text import slugify

from quizzes.bank import BankQuestion, read_bank
from quizzes.models import Question

LARGEST_FILE_BYTES = 20 * 1024 * 1024
MOST_QUESTIONS = 5_000
LONGEST_TEXT = 20_000
MOST_CHOICES = 50
CARRIED = ("id", "patterns", "task", "difficulty", "level", "sandbox", "sources")
ASKED_FOR = ("task", "difficulty", "level", "sources")
FIELDS = ("id", "type", "stem", "options", "patterns", "task", "difficulty", "level", "sandbox", "sources")
# A weight such as 33.33333 stands for a third.
FULL_PERCENT = 99.9
# What XML 1.0 has no way to write, and lone halves of a surrogate pair, which no encoding has.
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
QUESTIONS_FILE = "questions.yaml"
REPORT_FILE = "report.txt"


class CannotExport(ValueError):
    """A question that no file can hold. Nothing was written."""


class CannotImport(ValueError):
    """A file that cannot be read as a whole. Nothing was written."""


@dataclass(frozen=True)
class Choice:
    """One option of a foreign question. `percent` is what choosing it is worth there."""

    text: str
    percent: float
    feedback: str = ""


@dataclass(frozen=True)
class Draft:
    """A question as far as a file tells it, under the names of the bank's format; `notes` say what was lost."""

    entry: dict[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """What the bank asks for and the file does not say."""
        reasons = sum("reason" not in option for option in self.entry["options"])
        without = [f"the reason for {reasons} of {len(self.entry['options'])} options"] if reasons else []
        return [name for name in ASKED_FOR if name not in self.entry] + without


@dataclass(frozen=True)
class Skipped:
    """A question that the bank has no room for."""

    name: str
    reason: str


@dataclass
class Imported:
    """What a file came to, in its order. Ids are told apart as drafts arrive."""

    drafts: list[Draft] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    def add(self, read: Draft | Skipped) -> None:
        if len(self.drafts) + len(self.skipped) >= MOST_QUESTIONS:
            raise CannotImport(f"holds more than {MOST_QUESTIONS} questions; split it into files of {MOST_QUESTIONS}")
        if isinstance(read, Skipped):
            self.skipped.append(read)
            return
        id = _free(read.entry["id"], self.ids)
        self.ids.add(id)
        self.drafts.append(Draft(read.entry | {"id": id}, read.notes))


def questions_of(rows: Iterable[Question]) -> list[BankQuestion]:
    """Rows of the database as the bank's files hold them. Their patterns should be prefetched."""
    return [
        BankQuestion.model_validate(
            {name: getattr(row, name) for name in FIELDS if name != "patterns"}
            | {"patterns": [link.pattern for link in row.patterns.all()]}
        )
        for row in rows
    ]


def carried(question: BankQuestion) -> str:
    """What the other formats have no place for, as one line of ASCII."""
    told = question.model_dump(mode="json", include=set(CARRIED))
    return json.dumps({name: value for name, value in told.items() if value not in ("", [])})


def uncarried(line: str) -> dict[str, Any]:
    """The fields that `carried` wrote; raises ValueError for anything else."""
    told = json.loads(line)
    if not isinstance(told, dict):
        raise ValueError("is not an object")
    if not isinstance(told.get("id", ""), str):
        raise ValueError("its id is not a text")
    return {name: told[name] for name in CARRIED if name in told}


def writable(question: BankQuestion) -> BankQuestion:
    """The question with plain line ends; raises CannotExport for what other programs would read differently."""
    right = len(question.keys)
    if (right == 1) is not (question.type == "multiple-choice") or not right:
        raise CannotExport(f"{question.id}: is {question.type} with {right} correct; `load_content --check` names it")
    texts = [("stem", question.stem)]
    for number, option in enumerate(question.options, start=1):
        texts += [(f"options[{number}].text", option.text), (f"options[{number}].reason", option.reason)]
    for where, text in texts:
        if found := UNWRITABLE.search(text):
            code = f"U+{ord(found[0]):04X}"
            raise CannotExport(f"{question.id}: {where} holds {code}, a character that these formats cannot write")
    options = [
        option.model_copy(update={"text": _lines(option.text), "reason": _lines(option.reason)})
        for option in question.options
    ]
    return question.model_copy(update={"stem": _lines(question.stem), "options": tuple(options)})


def weight_percent(question: BankQuestion, correct: bool) -> float:
    """What an option is worth elsewhere: a wrong one takes away a right one, since here it is all or nothing."""
    share = 100 / len(question.keys)
    if question.type == "multiple-choice":
        return share if correct else 0
    return share if correct else -share


def draft(
    name: str,
    stem: str,
    choices: Sequence[Choice],
    single: bool,
    told: Mapping[str, Any],
    notes: Iterable[str] = (),
) -> Draft | Skipped:
    """A foreign choice question in the bank's terms, or why there is no place for it."""
    right = [choice.percent >= FULL_PERCENT if single else choice.percent > 0 for choice in choices]
    refusal = _refusal(stem, choices, right, single)
    if refusal:
        return Skipped(name, refusal)
    lost = list(notes)
    if _worth_something_else(choices, right):
        lost.append("weights are dropped: the bank marks all or nothing")
    entry = dict(told) | {
        "id": told.get("id") or name_as_id(name),
        "type": "multiple-choice" if sum(right) == 1 else "multiple-response",
        "stem": stem,
        "options": [_option(choice, correct) for choice, correct in zip(choices, right, strict=True)],
    }
    return Draft({key: entry[key] for key in FIELDS if key in entry}, tuple(lost))


def name_as_id(name: str) -> str:
    """An id in the bank's manner from whatever a question is called."""
    parts = re.findall("[a-z0-9]+", slugify(name))
    return "-".join(parts)[:70].strip("-") or "imported"


def read_bytes(path: Path) -> bytes:
    """The whole file; raises CannotImport for one that cannot be read or is too large."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise CannotImport(f"{path}: cannot be read ({error.strerror})") from None
    if len(content) > LARGEST_FILE_BYTES:
        megabytes = LARGEST_FILE_BYTES // 1024**2
        size = path.stat().st_size
        raise CannotImport(f"{path.name}: is {size:,} bytes; use files of at most {megabytes} MiB")
    return content


def write_file(path: Path, content: str) -> None:
    """The whole content or no change at all, whatever happens meanwhile."""
    with NamedTemporaryFile("w", encoding="utf-8", newline="\n", dir=path.parent, delete=False) as file:
        written = Path(file.name)
        try:
            file.write(content)
            file.flush()
            written.chmod(0o644)
            written.replace(path)
        except BaseException:
            written.unlink(missing_ok=True)
            raise


def write_for_review(
    imported: Imported, source: str, folder: Path, pattern_slugs: Collection[str], taken: Collection[str] = ()
) -> str:
    """Make `folder`, with the questions in the bank's format and a report, and return the report.

    `taken` are ids that the bank has. Raises CannotImport if something is in the folder already; makes all or nothing.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CannotImport(f"{folder}: is there already; name a new folder, or an empty one")
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = Path(mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        (making / QUESTIONS_FILE).write_text(_as_yaml(imported, source), "utf-8", newline="\n")
        findings = [
            f"{finding.where}: {finding.message}"
            for finding in read_bank(making, pattern_slugs)[1]
            if finding.message != "is missing"
        ]
        report = _report(imported, source, findings, taken)
        (making / REPORT_FILE).write_text(report, "utf-8", newline="\n")
        making.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        making.rename(folder)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    return report


def exported(questions: Sequence[BankQuestion], write: Callable[[Sequence[BankQuestion]], str]) -> str:
    """The questions in a format; raises CannotExport."""
    return write([writable(question) for question in questions])


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _refusal(stem: str, choices: Sequence[Choice], right: Sequence[bool], single: bool) -> str:
    texts = [stem, *(choice.text for choice in choices), *(choice.feedback for choice in choices)]
    longest = max(map(len, texts))
    if longest > LONGEST_TEXT:
        return f"a text of {longest:,} characters; use at most {LONGEST_TEXT:,}"
    if not stem or not all(choice.text for choice in choices):
        return "its question is empty" if not stem else "one of its options is empty"
    if not 2 <= len(choices) <= MOST_CHOICES:
        return f"number of options: {len(choices)}; use 2 to {MOST_CHOICES}"
    if not any(right):
        return "no option is fully right" if single else "no option is right"
    if single and sum(right) > 1:
        return f"{sum(right)} options are each fully right, and one may be chosen; the bank has one right answer"
    return ""


def _worth_something_else(choices: Sequence[Choice], right: Sequence[bool]) -> bool:
    """Whether the marks there differ from all or nothing in more than taking something off for wrong ones."""
    shares = [choice.percent for choice, correct in zip(choices, right, strict=True) if correct]
    partly = any(choice.percent > 0 for choice, correct in zip(choices, right, strict=True) if not correct)
    return partly or max(shares) - min(shares) > 100 - FULL_PERCENT


def _option(choice: Choice, correct: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"text": choice.text}
    if correct:
        told["correct"] = True
    if choice.feedback:
        told["reason"] = choice.feedback
    return told


def _free(id: str, taken: Collection[str]) -> str:
    if id not in taken:
        return id
    return next(other for number in range(2, MOST_QUESTIONS + 2) if (other := f"{id}-{number}") not in taken)


def _as_yaml(imported: Imported, source: str) -> str:
    entries = [draft.entry for draft in imported.drafts]
    told = yaml.dump({"questions": entries}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    name = " ".join(source.split())
    return f"# Read from {name}. Put right what {REPORT_FILE} names, then move it to quizzes/content.\n{told}"


class _Dumper(yaml.SafeDumper):
    """Quotes and escapes texts with line ends of Unicode's own, which YAML would take for its own."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = '"' if re.search("[\x85\u2028\u2029]", data) else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style)


_Dumper.add_representer(str, _Dumper.represent_str)


def _report(imported: Imported, source: str, findings: Sequence[str], taken: Collection[str]) -> str:
    read, skipped = imported.drafts, imported.skipped
    lines = [f"{source}: {len(read)} of {len(read) + len(skipped)} questions could be read. None is in the bank yet."]
    there = sorted({draft.entry["id"] for draft in read} & set(taken))
    sections = {
        "Not imported": [f"{item.name}: {item.reason}" for item in skipped],
        "Missing, and asked for by the bank": [
            f"{draft.entry['id']}: {', '.join(draft.missing)}" for draft in read if draft.missing
        ],
        "Lost on the way": [f"{draft.entry['id']}: {note}" for draft in read for note in draft.notes],
        "To put right before they can be loaded": list(findings),
        "Ids that the bank has already; another question needs another id": there,
    }
    for title, told in sections.items():
        if told:
            lines += ["", f"{title}:", *(f"  {line}" for line in told)]
    return "\n".join(lines) + "\n"
