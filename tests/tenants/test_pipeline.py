"""Values on their way to Postgres as text."""

from __future__ import annotations

import pytest

from tenants import scope


@pytest.mark.parametrize("value", [b"", b"\0\xff\\x'", bytes(range(256)), b"\\x00"])
def test_bytes_arrive_as_they_were(db: None, value: bytes) -> None:
    with scope.prepared_transaction() as pipeline:
        [(same, size)] = pipeline.run(
            "SELECT %(value)s::bytea, length(%(value)s::bytea)", {"value": value}
        )
    assert (same, size) == (value, len(value))
