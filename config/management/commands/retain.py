"""`manage.py retain`: forget what is older than the settings KEEP_*_DAYS, at once and all of it."""

from __future__ import annotations

import sys

from django.core.management.base import BaseCommand, CommandParser

from config import retention, storage

KINDS = (
    "executions",
    "steps",
    "events",
    "trials",
    "keys",
    "deliveries",
    "addresses",
    "sessions",
)


class Command(BaseCommand):
    """Prints how many rows of each kind, then estimates what is stored.

    Beat does the same every hour, in bounded parts.
    """

    help = "Delete runs, histories, idempotency keys, deliveries and sessions past their time."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count, and delete nothing")

    def handle(self, *args: object, **options: bool) -> None:
        counts = retention.expired() if options["dry_run"] else retention.forget(sys.maxsize)
        for kind in KINDS:
            self.stdout.write(f"{kind:<12}{counts[kind]:>12,}")
        if not options["dry_run"]:
            storage.measure()
