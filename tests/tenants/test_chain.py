"""The audit chain's text, hash and walk, apart from any database."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants import chain
from tenants.chain import FIRST, Entry, Head, Walk

Kept = tuple[Entry, bytes]

ENTRY = Entry(
    tenant=UUID(int=1),
    seq=1,
    at=datetime(2026, 11, 29, 12, 0, 0, 5, tzinfo=UTC),
    actor_kind="user",
    actor_id=UUID(int=2),
    actor_label="ann@acme.example",
    door="page",
    ip="192.0.2.1",
    agent="Firefox",
    request_id="0123456789abcdef",
    action="workflow.published",
    target_type="workflow",
    target_id=str(UUID(int=3)),
    target_label="nightly",
    before='{"version":1}',
    after='{"version":2}',
    prev=FIRST,
)


def chained(*entries: Entry) -> list[Kept]:
    """The entries as a chain, in this order."""
    last, kept = FIRST, []
    for number, entry in enumerate(entries, start=1):
        placed = replace(entry, seq=number, prev=last)
        last = chain.digest(placed)
        kept.append((placed, last))
    return kept


def walked(kept: list[Kept], head: Head | None) -> chain.Flaw | None:
    walk = Walk()
    for entry, stored in kept:
        flaw = walk.step(entry, stored)
        if flaw is not None:
            return flaw
    return walk.end(head)


def head_of(kept: list[Kept]) -> Head:
    return Head(kept[-1][0].seq, kept[-1][1])


FIVE = chained(*(replace(ENTRY, target_label=name) for name in "abcde"))


def test_the_text_is_spelled_like_this() -> None:
    """docs/AUDIT.md promises it: a change of one character breaks every chain there is."""
    assert chain.text(ENTRY) == (
        '{"action":"workflow.published","actor":{"id":"00000000-0000-0000-0000-000000000002",'
        '"kind":"user","label":"ann@acme.example"},"after":{"version":2},'
        '"at":"2026-11-29T12:00:00.000005+00:00","before":{"version":1},'
        '"from":{"agent":"Firefox","door":"page","ip":"192.0.2.1",'
        '"request_id":"0123456789abcdef"},'
        f'"prev":"{"0" * 64}","seq":1,"target":{{"id":"00000000-0000-0000-0000-000000000003",'
        '"label":"nightly","type":"workflow"},"tenant":"00000000-0000-0000-0000-000000000001",'
        '"v":1}'
    )
    assert chain.digest(ENTRY) == hashlib.sha256(chain.text(ENTRY).encode()).digest()


def test_the_same_moment_in_another_zone_is_the_same_text() -> None:
    elsewhere = ENTRY.at.astimezone(timezone(timedelta(hours=5)))
    assert chain.text(replace(ENTRY, at=elsewhere)) == chain.text(ENTRY)


OTHERS: dict[str, Any] = {
    "tenant": UUID(int=9),
    "seq": 9,
    "at": datetime(2026, 1, 1, tzinfo=UTC),
    "actor_id": None,
    "before": None,
    "after": "{}",
    "prev": bytes([1]) * 32,
}


@pytest.mark.parametrize("name", Entry.__dataclass_fields__)
def test_every_field_is_hashed(name: str) -> None:
    changed = replace(ENTRY, **{name: OTHERS.get(name, "x")})
    assert chain.digest(changed) != chain.digest(ENTRY)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
)


@given(st.dictionaries(st.text("abc"), JSON))
def test_values_come_back_from_their_text_as_the_same_text(value: dict[str, Any]) -> None:
    """Floats and large numbers too, which jsonb would give back otherwise."""
    written = chain.json_text(value)
    assert f'"before":{written}' in chain.text(replace(ENTRY, before=written))


def test_a_whole_chain_has_no_flaw() -> None:
    assert walked(FIVE, head_of(FIVE)) is None
    assert walked([], None) is None
    assert walked([], Head()) is None


def changed(kept: list[Kept]) -> list[Kept]:
    entry, stored = kept[2]
    return [*kept[:2], (replace(entry, actor_label="eve"), stored), *kept[3:]]


def rewritten(kept: list[Kept]) -> list[Kept]:
    entry = replace(kept[2][0], actor_label="eve")
    return [*kept[:2], (entry, chain.digest(entry)), *kept[3:]]


def swapped(kept: list[Kept]) -> list[Kept]:
    (second, a), (third, b) = kept[1], kept[2]
    return [kept[0], (replace(third, seq=2), b), (replace(second, seq=3), a), *kept[3:]]


def foreign(kept: list[Kept]) -> list[Kept]:
    other = replace(kept[0][0], tenant=UUID(int=7), prev=bytes([1]) * 32)
    return [(other, chain.digest(other)), *kept[1:]]


@pytest.mark.parametrize(
    ("kept", "fault", "seq"),
    [
        pytest.param(changed(FIVE), "changed", 3, id="changed"),
        pytest.param(rewritten(FIVE), "replaced", 3, id="changed with its hash"),
        pytest.param(swapped(FIVE), "moved", 2, id="reordered"),
        pytest.param([*FIVE[:1], *FIVE[3:]], "missing", 2, id="deleted in the middle"),
        pytest.param(FIVE[1:], "missing", 1, id="deleted at the start"),
        pytest.param(FIVE[:3], "cut", 4, id="deleted at the end"),
        pytest.param([], "cut", 1, id="all deleted"),
        pytest.param([*FIVE[:2], FIVE[1], *FIVE[2:]], "doubled", 2, id="twice"),
        pytest.param(foreign(FIVE), "moved", 1, id="of another chain"),
        pytest.param(chained(*(e for e, _ in FIVE), ENTRY), "ahead", 6, id="added past the head"),
        pytest.param(rewritten(FIVE[:3]) + FIVE[3:3], "cut", 4, id="rewritten and cut"),
    ],
)
def test_what_was_tampered_with_is_named(kept: list[Kept], fault: str, seq: int) -> None:
    flaw = walked(kept, head_of(FIVE))
    assert flaw is not None
    assert (flaw.fault, flaw.seq) == (fault, seq)
    assert flaw.message.endswith(".")


def test_a_last_entry_that_was_rewritten_is_found_by_the_head() -> None:
    entry = replace(FIVE[4][0], actor_label="eve")
    flaw = walked([*FIVE[:4], (entry, chain.digest(entry))], head_of(FIVE))
    assert flaw is not None
    assert (flaw.fault, flaw.seq) == ("replaced", 5)


def test_a_chain_without_its_head_is_broken() -> None:
    flaw = walked(FIVE, None)
    assert flaw is not None
    assert (flaw.fault, flaw.seq) == ("headless", 5)


@given(st.integers(0, 4), st.sampled_from(["agent", "ip", "action", "before", "after"]))
def test_any_change_anywhere_is_found(place: int, name: str) -> None:
    entry, stored = FIVE[place]
    others: dict[str, Any] = {name: json.dumps("eve")}
    spoilt = replace(entry, **others)
    flaw = walked([*FIVE[:place], (spoilt, stored), *FIVE[place + 1 :]], head_of(FIVE))
    assert flaw is not None
    assert (flaw.fault, flaw.seq) == ("changed", place + 1)
