"""`manage.py import_bank questions.xml --out review/`: foreign questions as files of the bank, for a review."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from patterns.models import Pattern
from quizzes import gift, moodle_xml
from quizzes.exchange import CannotImport, Imported, read_bytes, write_for_review
from quizzes.models import Question


class Command(BaseCommand):
    help = "Read a GIFT or Moodle XML file and write its questions to a folder. The bank itself is left alone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="a GIFT or Moodle XML file")
        parser.add_argument("--out", type=Path, required=True, help="the folder to make; it must be new or empty")
        parser.add_argument("--format", choices=["gift", "moodle"], help="what the file is, if its look does not say")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        slugs = set(Pattern.objects.values_list("slug", flat=True))
        ids = set(Question.objects.values_list("id", flat=True))
        try:
            imported = self._read(path, options["format"])
            self.stdout.write(write_for_review(imported, path.name, options["out"], slugs, ids))
        except CannotImport as error:
            raise CommandError(f"Nothing was imported. {error}") from None
        except OSError as error:
            raise CommandError(f"Nothing was imported. {options['out']}: {error.strerror}") from None

    def _read(self, path: Path, format: str | None) -> Imported:
        content = read_bytes(path)
        is_xml = format == "moodle" or (format is None and looks_like_xml(content, path))
        try:
            return moodle_xml.read(content) if is_xml else gift.read(content.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise CannotImport(f"{path.name}: byte {error.start} is not UTF-8 text; save it as UTF-8") from None
        except CannotImport as error:
            raise CannotImport(f"{path.name}: {error}") from None


def looks_like_xml(content: bytes, path: Path) -> bool:
    start = content[:200].removeprefix(b"\xef\xbb\xbf").lstrip()
    return path.suffix.lower() == ".xml" or start.startswith((b"<?xml", b"<quiz", b"<!DOCTYPE"))
