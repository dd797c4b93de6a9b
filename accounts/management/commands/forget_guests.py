"""Delete guests who have not come back for a long time, with all they kept."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.services import forget_guests


class Command(BaseCommand):
    help = "Delete guests not seen for more than --days days. Accounts are never touched."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=180, help="days without a visit (default: 180)")

    def handle(self, *args: Any, days: int, **options: Any) -> None:
        if not 1 <= days <= 36_500:
            raise CommandError(f"--days is {days}; use a whole number from 1 to 36500")
        forgotten = forget_guests(days)
        self.stdout.write(f"{forgotten} guest{'' if forgotten == 1 else 's'} forgotten")
