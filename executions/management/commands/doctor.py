"""`manage.py doctor`: look for broken invariants (executions/invariants), and mend what can be."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from django.core.management.base import BaseCommand, CommandParser

from executions import invariants, services
from executions.invariants import Violation


class Command(BaseCommand):
    """Exits with 1 if an invariant is broken; with `--repair`, if one still is."""

    help = (
        "Check the invariants of all that is open and of the runs of the last minutes; exit with 1 "
        "if one is broken."
    )
    requires_system_checks = ()  # it proves the isolation of tenants itself

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="look at every run that is kept")
        parser.add_argument("--repair", action="store_true", help="mend what needs no person")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: object, **options: bool) -> None:
        found = invariants.violations(everything=options["all"])
        repaired: list[Violation] = []
        if options["repair"]:
            repaired = [violation for violation in found if services.repair(violation)]
            found = invariants.violations(everything=options["all"]) if repaired else found
        self.stdout.write(_document(found, repaired) if options["json"] else _text(found, repaired))
        if found:
            sys.exit(1)


def _document(found: list[Violation], repaired: list[Violation]) -> str:
    document = {
        "violations": [asdict(violation) for violation in found],
        "repaired": [asdict(violation) for violation in repaired],
    }
    return json.dumps(document, default=str, indent=2)


def _text(found: list[Violation], repaired: list[Violation]) -> str:
    lines = [f"repaired  {_line(violation)}" for violation in repaired]
    lines += [f"broken    {_line(violation)}" for violation in found]
    return "\n".join(lines) or "All invariants hold."


def _line(violation: Violation) -> str:
    names = (violation.tenant, violation.execution_id, violation.step)
    where = " ".join(str(name) for name in names if name is not None)
    rule = f"{violation.number} {violation.name}"
    return f"{rule}: {where}: {violation.message}" if where else f"{rule}: {violation.message}"
