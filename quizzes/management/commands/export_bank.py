"""`manage.py export_bank --format gift --out bank.gift`: the questions on offer, for Moodle and its like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from quizzes import gift, moodle_xml
from quizzes.exchange import CannotExport, exported, questions_of, write_file
from quizzes.practice import offered

FORMATS = {"gift": gift.write, "moodle": moodle_xml.write}


class Command(BaseCommand):
    help = "Write the bank's questions to a GIFT or Moodle XML file. Retired ones are left out."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=sorted(FORMATS), required=True, help="which format to write")
        parser.add_argument("--out", type=Path, required=True, help="the file to write; one that is there is replaced")
        parser.add_argument("--pattern", default="", help="only the questions on this pattern")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = offered(options["pattern"]).prefetch_related("patterns").order_by("id")
        questions = questions_of(rows)
        if not questions:
            about = f" on {options['pattern']}" if options["pattern"] else ""
            raise CommandError(f"There are no questions{about} to export.")
        try:
            write_file(options["out"], exported(questions, FORMATS[options["format"]]))
        except CannotExport as error:
            raise CommandError(f"Nothing was written. {error}") from None
        except OSError as error:
            raise CommandError(f"{options['out']}: cannot be written ({error.strerror})") from None
        self.stdout.write(f"{len(questions)} questions are in {options['out']}.")
