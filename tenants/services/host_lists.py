"""Lists of hosts as people give them: read, or refused with what is wrong with each."""

from __future__ import annotations

from collections.abc import Sequence

from tenants import hosts as rules
from tenants.problems import Problem


def read_hosts(field: str, given: Sequence[str], *, most: int) -> list[str]:
    """The list as it is kept, each host once; `field` is what it was given as.

    Raises Problem 422 that names each that is none, or says how many there may be.
    """
    if len(given) > most:
        raise refusal([flaw(field, "max_length", f"Give at most {most} hosts.")])
    kept: dict[str, None] = {}
    errors = []
    for index, text in enumerate(given):
        try:
            kept[rules.read(text)] = None
        except ValueError as error:
            errors.append(flaw(f"{field}.{index}", "invalid", str(error)))
    if errors:
        raise refusal(errors)
    return list(kept)


def flaw(field: str, code: str, message: str) -> dict[str, str]:
    """What is wrong with a field, as a problem document says it."""
    return {"field": field, "code": code, "message": message}


def refusal(errors: list[dict[str, str]]) -> Problem:
    """422 for these flaws."""
    return Problem(422, "invalid", errors[0]["message"], errors=errors)
