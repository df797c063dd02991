"""`manage.py rotate_keys`: seal with the first key of the ring what older ones have sealed."""

from __future__ import annotations

import sys
from collections import Counter

from django.core.management.base import BaseCommand, CommandParser

from config import rotation
from tenants import services


class Command(BaseCommand):
    """Prints how many values of each column, and which keys are in use. docs/SECRETS.md says when.

    Exits with 1 if a value cannot be opened: it says whose and why, and never the value.
    """

    help = (
        "Open everything that is sealed, and seal it anew with the first key of "
        "STEPWELL_SECRETS_KEYS where another key did."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="open and count, write nothing")

    def handle(self, *args: object, **options: bool) -> None:
        reports = rotation.rotate(dry_run=options["dry_run"])
        for report in reports:
            done = f"{report.values:>10,} values {report.resealed:>10,} sealed anew"
            self.stdout.write(f"{report.column:<36}{done}")
        in_use = sum((report.keys for report in reports), Counter[str]())
        for key in services.keyring().ids:
            self.stdout.write(f"{f'key {key}':<36}{in_use[key]:>10,} values")
        unreadable = [line for report in reports for line in report.unreadable]
        for line in unreadable:
            self.stderr.write(f"cannot be opened: {line}")
        if unreadable:
            sys.exit(1)
