"""Where a tenant's calls may go at all: its own list of hosts, asked about every address."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from tenants.hosts import Hosts
from workflows.steps.world import AddressGuard, HttpFailure


@dataclass(frozen=True)
class TenantGuard:
    """Asks the tenant's list, and then what guards the secrets of the request, if anything does.

    It is asked before a name is looked up: who reads the refusal learns nothing of what is there.
    """

    hosts: Hosts
    secrets: AddressGuard | None = None

    def check(self, url: str) -> None:
        """Raises HttpFailure that names the host and the list."""
        if not self.hosts.allow(url):
            message = (
                f"{urlsplit(url).netloc} may not be called: it is not on the tenant's list of "
                f"hosts, which is {self.hosts.shown()}."
            )
            raise HttpFailure("blocked", message, sent=False)
        if self.secrets is not None:
            self.secrets.check(url)

    def redirected(self, url: str) -> TenantGuard:
        """As `AddressGuard.redirected`: the tenant's list holds at every hop."""
        return replace(self, secrets=self.secrets and self.secrets.redirected(url))
