"""Delete guests who have not come back for a long time, with all they kept."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.services import forget_guests


class Command(BaseCommand):
    help = "Delete guests not seen for more than --days days, or --empty-handed-days if they kept nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=180, help="days without a visit (default: 180)")
        parser.add_argument(
            "--empty-handed-days", type=int, default=7, help="the same for guests who never answered (default: 7)"
        )

    def handle(self, *args: Any, days: int, empty_handed_days: int, **options: Any) -> None:
        for name, given in (("--days", days), ("--empty-handed-days", empty_handed_days)):
            if not 1 <= given <= 36_500:
                raise CommandError(f"{name} is {given}; use a whole number from 1 to 36500")
        forgotten = forget_guests(days, empty_handed_days)
        self.stdout.write(f"{forgotten} guest{'' if forgotten == 1 else 's'} forgotten")
