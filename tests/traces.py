"""Looking for what a secret left behind: in how many spellings, and in how many places."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable, Iterator
from itertools import chain
from urllib.parse import quote, quote_plus

import redis
from psycopg import sql

from tests import environment, servers

WINDOW = 9
"""Characters of a value that stand for it: a part of this length tells too much."""


def spellings(value: str) -> dict[bytes, str]:
    """What may not be found, each with the name of its spelling. Not made with our own masking."""
    found: dict[bytes, str] = {}
    for name, spelt in _texts(value):
        found.setdefault(spelt.encode(), name)
    for data in (value.encode(), value.encode("latin-1", "ignore")):
        found.setdefault(data, "raw")
        for digits in (data.hex(), data.hex().upper()):
            found.setdefault(digits.encode(), "hex")
        for offset in range(3):
            encoded = base64.b64encode(b"\0" * offset + data)
            core = encoded[-(-offset * 8 // 6) : (offset + len(data)) * 8 // 6]
            for text in (core, core.translate(bytes.maketrans(b"+/", b"-_"))):
                found.setdefault(text, f"base64 at {offset}")
                for start in range(len(text) - 15):
                    found.setdefault(text[start : start + 15], f"part of base64 at {offset}")
    for start in range(len(value) - WINDOW + 1):
        found.setdefault(value[start : start + WINDOW].encode(), "part")
    return found


def _texts(value: str) -> Iterator[tuple[str, str]]:
    once = list(_escapes(value))
    yield from once
    for name, text in once:
        yield from ((f"{name}, {again}", twice) for again, twice in _escapes(text))


def _escapes(value: str) -> Iterator[tuple[str, str]]:
    yield "quote", quote(value)
    yield "quote all", quote(value, safe="")
    yield "quote in lower case", quote(value, safe="").lower()
    yield "quote_plus", quote_plus(value)
    yield "JSON", json.dumps(value)[1:-1]
    yield "JSON in UTF-8", json.dumps(value, ensure_ascii=False)[1:-1]
    yield "HTML", html.escape(value)
    yield "HTML without quotes", html.escape(value, quote=False)


def found(values: Iterable[str], place: bytes) -> list[str]:
    """Which spellings of which values are there, with what stands around them."""
    hits = []
    for value in values:
        for text, name in spellings(value).items():
            at = place.find(text)
            if at >= 0:
                hits.append(f"{name} of {value[:4]}…: {place[max(0, at - 60) : at + 90]!r}")
    return hits


def database() -> Iterator[tuple[str, bytes]]:
    """Every column of every table that can hold text or bytes, row by row, as `table.column`."""
    with servers.superuser(environment.DATABASE) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = 'public' AND data_type IN"
            " ('text', 'character varying', 'character', 'json', 'jsonb', 'bytea', 'ARRAY', 'xml')"
        ).fetchall()
        assert ("executions_event", "data", "jsonb") in columns
        for table, column, kind in columns:
            name = sql.Identifier(str(column))
            read = name if kind == "bytea" else sql.SQL("{}::text").format(name)
            query = sql.SQL("SELECT {} FROM {} WHERE {} IS NOT NULL").format(
                read, sql.Identifier(str(table)), name
            )
            for (value,) in connection.execute(query):
                assert isinstance(value, str | bytes)
                data = value.encode() if isinstance(value, str) else value
                yield f"{table}.{column}", data


def valkey() -> Iterator[tuple[str, bytes]]:
    """Every key with what it holds, serialised by the server itself."""
    with redis.Redis.from_url(environment.variables()["REDIS_URL"]) as client:
        for key in client.scan_iter():
            yield f"valkey {key!r}", key + (client.dump(key) or b"")


def everywhere(values: Iterable[str], *places: Iterable[tuple[str, bytes]]) -> list[str]:
    """All that was found, each with its place."""
    known = list(values)
    return [
        f"{name}: {hit}" for name, data in chain.from_iterable(places) for hit in found(known, data)
    ]
