"""`manage.py prove_isolation`: prove that tenants are kept apart, table by table, door by door."""

from __future__ import annotations

import json
import logging
import sys

from django.core.management.base import BaseCommand, CommandParser

from config.proof import Line, Proof, prove


class Command(BaseCommand):
    """Exits with 1 if something fails. It changes nothing: all that it tries is undone."""

    help = (
        "Compare the database with the rules of isolation, try on every table, route and socket "
        "what one tenant could try on another, and exit with 1 if something gets through."
    )
    requires_system_checks = ()  # it is the check

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: object, **options: bool) -> None:
        logging.disable(logging.ERROR)  # of a thousand requests that are refused as they should be
        try:
            proof = prove()
        finally:
            logging.disable(logging.NOTSET)
        document = json.dumps(proof.document(), indent=2) if options["json"] else text(proof)
        self.stdout.write(document)
        if not proof.holds:
            sys.exit(1)


def text(proof: Proof) -> str:
    """A line for each place, then the failures and the verdict."""
    width = max(len(line.place) for line in proof.lines)
    lines = [_row(line, width) for line in proof.lines]
    lines += ["", *(f"FAILS  {failure}" for failure in proof.failures)]
    if proof.holds:
        verdict = f"Tenants are kept apart: {len(proof.lines)} places, {proof.tries} tries."
    else:
        verdict = f"Tenants are NOT kept apart: {len(proof.failures)} failures."
    return "\n".join([*lines, verdict])


def _row(line: Line, width: int) -> str:
    verdict = "holds" if line.holds else "FAILS"
    tries = f"{line.tries} tries" if line.tries else "declared"
    return f"{verdict}  {line.kind:6}  {line.place:{width}}  {tries:>9}  {line.guard or 'NOTHING'}"
