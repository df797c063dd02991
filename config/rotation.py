"""Sealing anew what older keys of the ring have sealed; `manage.py rotate_keys` calls it.

It may be stopped and run again at any time, in any number of copies and beside everything else: a
value is replaced only if it is still the one that was read, so a newer one is never lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from tenants import scope
from tenants import services as tenants
from tenants.keyring import KeyRingError
from tenants.services import SealedColumn
from webhooks import sealed as webhooks

COLUMNS = (*tenants.SEALED, *webhooks.SEALED)
BATCH = 500  # rows read at once; those of one tenant are written in one transaction

_FIRST = UUID(int=0)


@dataclass
class Report:
    """What became of the values of a column. `keys` counts them by the key that seals them now."""

    column: SealedColumn
    resealed: int = 0
    keys: Counter[str] = field(default_factory=Counter)
    unreadable: list[str] = field(default_factory=list)

    @property
    def values(self) -> int:
        """How many there are."""
        return self.keys.total() + len(self.unreadable)


def rotate(*, dry_run: bool = False) -> list[Report]:
    """Open every sealed value, and seal it with the first key of the ring where another did.

    With `dry_run` nothing is written; what cannot be opened is told all the same.
    """
    return [_rotated(column, dry_run=dry_run) for column in COLUMNS]


def _rotated(column: SealedColumn, *, dry_run: bool) -> Report:
    report = Report(column)
    for rows in _batches(column):
        for tenant_id, own in groupby(sorted(rows, key=_TENANT), key=_TENANT):
            with scope.tenant(tenant_id):
                for row in own:
                    _reseal(report, row, dry_run=dry_run)
    return report


_TENANT = attrgetter("tenant_id")


def _batches(column: SealedColumn) -> Iterator[list[Any]]:
    filled = column.model.objects.exclude(**{column.field: None}).order_by("id")
    last = _FIRST
    while True:
        with scope.operator("what older keys have sealed is sealed anew"):
            rows = list(filled.filter(id__gt=last)[:BATCH])
        if not rows:
            return
        yield rows
        last = rows[-1].id


def _reseal(report: Report, row: Any, *, dry_run: bool) -> None:
    """Replace one value; if somebody else has, look at theirs."""
    column, ring = report.column, tenants.keyring()
    rows = column.model.objects.filter(id=row.id)
    sealed = bytes(getattr(row, column.field))
    while True:
        purpose = column.purpose(row)
        try:
            value = tenants.unseal(row.tenant_id, purpose, sealed)
        except KeyRingError as error:
            where = f"{column}, tenant {row.tenant_id}, row {row.id}"
            report.unreadable.append(f"{where}: {error}")
            return
        key = ring.key_of(sealed)
        if dry_run or key == ring.sealing_id:
            report.keys[key] += 1
            return
        fresh = tenants.seal(row.tenant_id, purpose, value)
        if rows.filter(**{column.field: sealed}).update(**{column.field: fresh}):
            report.resealed += 1
            report.keys[ring.sealing_id] += 1
            return
        found = rows.values_list(column.field, flat=True).first()
        if found is None:  # deleted, or emptied
            return
        sealed = bytes(found)
