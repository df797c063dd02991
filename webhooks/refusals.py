"""Why a request started a run, or none; and the answers to those that are refused."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from django.conf import settings

from tenants.problems import Problem


class Reason(StrEnum):
    """What became of a request at an endpoint that exists."""

    ACCEPTED = "accepted"
    PAUSED = "paused"  # stored, to be run once its workflow goes on
    DUPLICATE = "duplicate"
    BAD_SIGNATURE = "bad_signature"
    STALE = "stale"  # the signature is right, and too old
    IP_DENIED = "ip_denied"
    TOO_LARGE = "too_large"
    BAD_BODY = "bad_body"
    SCHEMA_MISMATCH = "schema_mismatch"
    RATE_LIMITED = "rate_limited"
    NOT_PUBLISHED = "not_published"

    @property
    def label(self) -> str:
        """For people."""
        return self.value.replace("_", " ")


class Hold(StrEnum):
    """What became of a request that came while its workflow was paused."""

    WAITING = "waiting"
    STARTED = "started"
    REFUSED = "refused"  # once it was to run, the workflow did not take it any more
    DISCARDED = "discarded"


# Who sent these is not known to be who may.
UNVERIFIED = frozenset({Reason.BAD_SIGNATURE, Reason.STALE, Reason.IP_DENIED, Reason.TOO_LARGE})
# Of problems that others raise, by their codes.
_REASONS = {
    "input-mismatch": Reason.SCHEMA_MISMATCH,
    "rate-limited": Reason.RATE_LIMITED,
    "storage-full": Reason.RATE_LIMITED,  # the kept problem says which
}


class Refused(Problem):
    """A refusal that says its reason to the tenant, who may know more than the sender."""

    reason: Reason


class Refusal(NamedTuple):
    """An answer that is always the same. A new exception each time: one that is raised again keeps
    the frames of every request that it was raised for, bodies and secrets with them."""

    status: int
    code: str
    detail: str

    def problem(self, reason: Reason | None = None) -> Problem:
        """The answer as an exception; with a reason, one that is kept."""
        if reason is None:
            return Problem(*self)
        refused = Refused(*self)
        refused.reason = reason
        return refused


REFUSED = Refusal(401, "bad-signature", "The request's signature is missing, wrong or too old.")
IP_DENIED = Refusal(403, "ip-denied", "The endpoint takes no requests from this address.")
UNKNOWN = Refusal(404, "not-found", "There is no webhook endpoint at this address.")
NOT_LIVE = Refusal(409, "not-published", "The endpoint's workflow has no live version.")
BROKEN_OFF = Refusal(400, "broken-off", "The request broke off before its end.")


def too_large() -> Problem:
    """The answer to a body over the limit."""
    limit = settings.MAX_PAYLOAD_BYTES
    detail = f"A webhook's body may have {limit} bytes at most."
    return Refusal(413, "too-large", detail).problem(Reason.TOO_LARGE)


def reason_of(problem: Problem) -> Reason:
    """Why this was refused. What only says what is wrong with the body is a bad body."""
    if isinstance(problem, Refused):
        return problem.reason
    return _REASONS.get(problem.code, Reason.BAD_BODY)
