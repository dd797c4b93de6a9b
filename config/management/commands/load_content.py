"""Loads the pages and the bank of questions into the database. Runs at every start."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction

from patterns.models import LoadedContent, Pattern

if TYPE_CHECKING:
    from patterns.content import Finding, Page
    from quizzes.bank import BankQuestion

PAGES = Path(settings.BASE_DIR) / "patterns" / "content"
BANK = Path(settings.BASE_DIR) / "quizzes" / "content"
# What a page or a question becomes depends on these as well, so a new version of Halfopen loads everything again.
CODE = ("patterns", "quizzes", "sandboxes/simulations")
LIBRARIES = ("markdown-it-py", "mdit-py-plugins", "nh3")


class Command(BaseCommand):
    help = "Load the pages and the questions. Every mistake is named, and then nothing is loaded."
    # Checking the addresses imports every simulation, which a start with nothing new can do without.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="name the mistakes, also those of writing; load nothing"
        )

    def handle(self, *args: Any, check: bool = False, **options: Any) -> None:
        fingerprint = fingerprint_of(PAGES, BANK)
        if not check and LoadedContent.objects.filter(name="all", fingerprint=fingerprint).exists():
            self.stdout.write(f"Content is unchanged: {Pattern.objects.count()} pages.")
            return
        pages, questions, findings = read_all(PAGES, BANK)
        if check:
            from patterns.checks import check_writing

            findings += check_writing(PAGES)
        if findings:
            self._refuse([str(finding) for finding in findings])
        if check:
            self.stdout.write(f"Content is sound: {len(pages)} pages, {len(questions)} questions.")
            return
        self.stdout.write(self._save(pages, questions, fingerprint))

    def _save(self, pages: Sequence[Page], questions: Sequence[BankQuestion], fingerprint: str) -> str:
        from patterns.content import save_pages
        from quizzes.bank import AnsweredQuestionChanged, save_bank

        try:
            with transaction.atomic():
                page_counts = save_pages(pages)
                question_counts = save_bank(questions)
                LoadedContent.objects.update_or_create(name="all", defaults={"fingerprint": fingerprint})
        except AnsweredQuestionChanged as error:
            self._refuse([f"{', '.join(files_with(error.ids, BANK))}: {error}"])
        return f"Content is loaded. Pages: {_told(page_counts)}. Questions: {_told(asdict(question_counts))}."

    def _refuse(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.stderr.write(line)
        self.stderr.write(f"Nothing was loaded: {len(lines)} to put right.")
        sys.exit(1)


def read_all(pages_folder: Path, bank_folder: Path) -> tuple[list[Page], Sequence[BankQuestion], list[Finding]]:
    """Every page, every question, and everything that is wrong with them. Writes nothing."""
    from patterns.content import read_pages
    from quizzes.bank import read_bank

    pages, findings = read_pages(pages_folder)
    questions, bank_findings = read_bank(bank_folder, {page.slug for page in pages})
    return pages, questions, [*findings, *bank_findings]


def fingerprint_of(*folders: Path) -> str:
    """Changes whenever a file in `folders`, the code that reads them or a library that renders them changes."""
    code = [path for name in CODE for path in (Path(settings.BASE_DIR) / name).rglob("*.py")]
    content = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    digest = sha256(" ".join(f"{name} {version(name)}" for name in LIBRARIES).encode())
    for path in sorted({*code, *content}):
        digest.update(f"\0{path.name}\0".encode() + sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def files_with(ids: Collection[str], folder: Path) -> list[str]:
    """The names of the files of a sound bank that hold the questions with these ids."""
    banks = {path.name: yaml.safe_load(path.read_text("utf-8"))["questions"] for path in sorted(folder.glob("*.yaml"))}
    return [name for name, questions in banks.items() if {question["id"] for question in questions} & set(ids)]


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {word}" for word, number in counts.items())
