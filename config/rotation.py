"""Sealing anew what older keys of the ring have sealed; `manage.py rotate_keys` calls it.

It may be stopped and run again at any time, in any number of copies and beside everything else: a
value is replaced only if it is still the one that was read, so a newer one is never lost.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.db.models import QuerySet

from tenants import scope
from tenants import services as tenants
from tenants.actions import Action
from tenants.keyring import KeyRingError
from tenants.services import SealedColumn, audit
from webhooks import sealed as webhooks

COLUMNS = (*tenants.SEALED, *webhooks.SEALED)
FACTORS = ("secret", "seed")  # what django-allauth has sealed in an authenticator's data
BATCH = 500  # rows read at once; those of one tenant are written in one transaction

_TENANT = attrgetter("tenant_id")


@dataclass
class Report:
    """What became of the values of a column. `keys` counts them by the key that seals them now."""

    column: str
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
    reports = [_rotated(column, dry_run=dry_run) for column in COLUMNS]
    reports.append(_rotated_factors(dry_run=dry_run))
    if not dry_run:
        key = tenants.keyring().sealing_id
        done = {report.column: report.resealed for report in reports}
        audit.record_platform(Action.KEYS_ROTATED, audit.Target("key", key, key), after=done)
    return reports


def _rotated(column: SealedColumn, *, dry_run: bool) -> Report:
    report = Report(str(column))
    for rows in _batches(column.model.objects.exclude(**{column.field: None})):
        for tenant_id, own in groupby(sorted(rows, key=_TENANT), key=_TENANT):
            with scope.tenant(tenant_id):
                for row in own:
                    _reseal(report, column, row, dry_run=dry_run)
    return report


def _batches(found: QuerySet[Any]) -> Iterator[list[Any]]:
    following = found.order_by("pk")
    while True:
        with scope.operator("what older keys have sealed is sealed anew"):
            rows = list(following[:BATCH])
        if not rows:
            return
        yield rows
        following = found.order_by("pk").filter(pk__gt=rows[-1].pk)


def _reseal(report: Report, column: SealedColumn, row: Any, *, dry_run: bool) -> None:
    """Replace one value; if somebody else has, look at theirs."""
    ring = tenants.keyring()
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


def _rotated_factors(*, dry_run: bool) -> Report:
    """People's second factors are no tenant's, and stand in JSON."""
    report = Report("mfa_authenticator.data")
    for rows in _batches(Authenticator.objects.filter(data__has_any_keys=FACTORS)):
        for row in rows:
            _reseal_factor(report, row, dry_run=dry_run)
    return report


def _reseal_factor(report: Report, row: Any, *, dry_run: bool) -> None:
    """As `_reseal`; codes that are used meanwhile stay used."""
    ring, found = tenants.keyring(), Authenticator.objects.filter(pk=row.pk)
    while row is not None:
        name = next(name for name in FACTORS if name in row.data)
        try:
            key = ring.key_of(base64.b64decode(row.data[name]))
            value = get_adapter().decrypt(row.data[name])
        except (KeyRingError, ValueError) as error:
            reason = error if isinstance(error, KeyRingError) else "The value is not base64."
            report.unreadable.append(f"{report.column}, user {row.user_id}, row {row.pk}: {reason}")
            return
        if dry_run or key == ring.sealing_id:
            report.keys[key] += 1
            return
        fresh = {**row.data, name: get_adapter().encrypt(value)}
        if found.filter(data=row.data).update(data=fresh):
            report.resealed += 1
            report.keys[ring.sealing_id] += 1
            return
        row = found.first()
