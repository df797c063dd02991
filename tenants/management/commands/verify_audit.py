"""`manage.py verify_audit`: go along every chain of the audit trail and name what is wrong."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants import services
from tenants.models import Tenant
from tenants.services import Chain


class Command(BaseCommand):
    """Exits with 1 if a chain is broken. A chain is read in parts, however long it is."""

    help = "Verify the hash chains of the audit trail; exit with 1 if one is broken."
    requires_system_checks = ()  # what is wrong with the tables, the chains tell

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG", help="only this tenant's chain")
        parser.add_argument("--json", action="store_true", help="print one JSON document")
        parser.add_argument(
            "--heads",
            action="store_true",
            help="print where each chain ends, to be kept where nobody of this deployment can "
            "write: who rewrote a whole chain is found by its old heads only",
        )

    def handle(self, *args: object, **options: Any) -> None:
        try:
            chains = list(services.verify(options["tenant"]))
        except Tenant.DoesNotExist:
            raise CommandError(f"There is no tenant {options['tenant']!r}.") from None
        if options["json"]:
            self.stdout.write(json.dumps([_document(chain) for chain in chains], indent=2))
        else:
            for chain in chains:
                self.stdout.write(_text(chain, heads=options["heads"]))
        if any(chain.flaw for chain in chains):
            sys.exit(1)


def _document(chain: Chain) -> dict[str, Any]:
    flaw = chain.flaw
    return {
        "tenant": chain.tenant,
        "tenant_id": chain.tenant_id and str(chain.tenant_id),
        "entries": chain.head.seq,
        "head": chain.head.hash.hex(),
        "flaw": flaw and {"fault": flaw.fault, "entry": flaw.seq, "message": flaw.message},
    }


def _text(chain: Chain, *, heads: bool) -> str:
    if chain.flaw is not None:
        flaw = chain.flaw
        return f"broken    {chain.tenant}: entry {flaw.seq} {flaw.fault}: {flaw.message}"
    end = f" {chain.head.hash.hex()}" if heads else ""
    return f"whole     {chain.tenant}: {chain.head.seq} entries{end}"
