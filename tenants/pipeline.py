"""Statements by libpq's pipeline mode: several in one round trip, each prepared once a connection.

A transaction of four statements takes 12 µs of CPU here and 27 in Postgres; by psycopg's cursors it
takes 72 and 80, by psycopg's own pipeline 181 and 107 (two cores, Unix socket).
Values travel as text: parameters have the types that Postgres infers, results psycopg's loaders.
"""

from __future__ import annotations

import re
import select
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
from psycopg import pq

Row = tuple[Any, ...]
Values = Mapping[str, object]

# After so many round trips of a connection, and at each doubling, its statements are planned anew.
# A plan is made for the size that the tables have, and kept as long as they are not analyzed: one
# made on a new installation read whole tables, or all of a tenant, for each step (after 1,000 steps
# RECORD took twice as long as at first). To plan ten statements costs some 10 ms.
PLANNED_ANEW = 64

_PARAMETER = re.compile(r"%\((\w+)\)s|%%")


class Statement(NamedTuple):
    """SQL as Postgres wants it, and the names of its parameters in their order."""

    text: bytes
    names: tuple[str, ...]


@lru_cache(maxsize=256)
def compiled(text: str) -> Statement:
    """A statement with parameters `%(name)s`; a percent sign is written twice."""
    names: list[str] = []

    def place(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return "%"
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return Statement(_PARAMETER.sub(place, text).encode(), tuple(names))


class Pipeline:
    """One connection's prepared statements. Not to be used while psycopg is at work on it."""

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        # Not the connection itself: it is the key under which this is kept.
        self._adapters = raw.adapters
        self._connection = raw.pgconn
        self._numbers = count()
        self._trips = 0
        self._prepared: dict[str, bytes] = {}
        self._loaders: dict[int, Callable[[Any], Any]] = {}

    def send(self, statements: Sequence[tuple[str, Values]]) -> list[list[Row]]:
        """Run statements in one round trip; the rows of each.

        Raises psycopg.Error for the first that fails; the ones behind it are not run.
        """
        given = [_given(text, values) for text, values in statements]
        new = [text for text in dict.fromkeys(text for text, _ in statements) if self._is_new(text)]
        connection = self._connection
        renewing = self._is_to_plan_anew()
        try:
            connection.enter_pipeline_mode()
            if renewing:
                connection.send_query_params(b"DISCARD PLANS", None)
            for text in new:
                self._prepare(text)
            for (text, _), parameters in zip(statements, given, strict=True):
                connection.send_query_prepared(self._prepared[text], parameters)
            connection.pipeline_sync()
            results = self._receive()
            connection.exit_pipeline_mode()
        except BaseException:
            connection.finish()  # in the middle of a pipeline it is of no use to anybody
            raise
        try:
            return [self._rows(result) for result in results][renewing + len(new) :]
        except psycopg.Error:
            for text in new:  # it may be one of them that failed
                del self._prepared[text]
            raise

    def _is_to_plan_anew(self) -> bool:
        self._trips += 1
        return self._trips >= PLANNED_ANEW and self._trips.bit_count() == 1

    def _is_new(self, text: str) -> bool:
        return text not in self._prepared

    def _prepare(self, text: str) -> None:
        name = b"stepwell_%d" % next(self._numbers)
        self._connection.send_prepare(name, compiled(text).text)
        self._prepared[text] = name

    def _receive(self) -> list[pq.abc.PGresult]:
        results: list[pq.abc.PGresult] = []
        connection = self._connection
        poll = select.poll()
        poll.register(connection.socket, select.POLLIN)
        while connection.flush():
            poll.modify(connection.socket, select.POLLIN | select.POLLOUT)
            poll.poll()
            connection.consume_input()
        poll.modify(connection.socket, select.POLLIN)
        while True:
            # Not left to get_result, which would wait with the interpreter's lock held.
            while connection.is_busy():
                poll.poll()
                connection.consume_input()
            result = connection.get_result()
            if result is None:  # between the results of two statements
                continue
            if result.status == pq.ExecStatus.PIPELINE_SYNC:
                return results
            results.append(result)

    def _rows(self, result: pq.abc.PGresult) -> list[Row]:
        if result.status == pq.ExecStatus.TUPLES_OK:
            return self._load(result)
        if result.status != pq.ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result)
        return []

    def _load(self, result: pq.abc.PGresult) -> list[Row]:
        columns = range(result.nfields)
        loads = [self._loader(result.ftype(column)) for column in columns]
        return [
            tuple(
                None if (data := result.get_value(row, column)) is None else loads[column](data)
                for column in columns
            )
            for row in range(result.ntuples)
        ]

    def _loader(self, oid: int) -> Callable[[Any], Any]:
        load = self._loaders.get(oid)
        if load is None:
            loader = self._adapters.get_loader(oid, pq.Format.TEXT)
            if loader is None:
                raise psycopg.NotSupportedError(f"no loader for type {oid}")
            load = self._loaders[oid] = loader(oid).load
        return load


def _given(text: str, values: Values) -> list[bytes | None] | None:
    return [_dumped(values[name]) for name in compiled(text).names] or None


def _dumped(value: object) -> bytes | None:
    """A value in Postgres's text form, which the type of its parameter makes sense of."""
    match value:
        case None:
            return None
        case str():
            if "\0" in value:
                raise psycopg.DataError("PostgreSQL text cannot contain NUL (0x00) bytes")
            return value.encode()
        case datetime():
            return value.isoformat().encode()
        case bytes():
            return b"\\x" + value.hex().encode()
        case bool() | int() | float() | UUID():
            return str(value).encode()
        case list():
            return b"{%s}" % b",".join(_element(element) for element in value)
        case _:
            raise TypeError(f"a {type(value).__name__} is no parameter")


def _element(value: object) -> bytes:
    text = _dumped(value) or b""
    return b'"%s"' % text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


_pipelines: WeakKeyDictionary[psycopg.Connection[Any], Pipeline] = WeakKeyDictionary()


def of(raw: psycopg.Connection[Any]) -> Pipeline:
    """The pipeline of a connection."""
    pipeline = _pipelines.get(raw)
    if pipeline is None:
        pipeline = _pipelines[raw] = Pipeline(raw)
    return pipeline
