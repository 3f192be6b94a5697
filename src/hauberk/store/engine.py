"""How a database is reached: URLs, durability, locks, and errors in words that help.

>>> str(url_of("a.db"))
'sqlite:///a.db'
>>> str(url_of("postgresql://host/name"))
'postgresql+psycopg://host/name'
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from ..core.errors import InputError, need

BUSY_S = 30
"""How long a writer waits for another one: far longer than any write takes."""

RETRY_S = 0.01

MIGRATION_LOCK = 0x6861756265726B
"""PostgreSQL advisory lock under which one process at a time migrates: 'hauberk' in ASCII."""

HINTS = {
    "disk is full": "free some space, then run the same command again",
    "disk i/o error": "look at the disk: it is full, or failing",
    "readonly": "the store must be in a folder and file that you may write to",
    "unable to open": "is its folder there, and may you write to it?",
    "not a database": "this is another kind of file, or damaged: move it away, or restore it from a backup",
    "malformed": "it is damaged: restore it from a backup, or move it away and put the dossiers in again",
    "locked": "another process keeps it locked: wait for it, or end it",
    "connection": "is the database server running, and is the URL right?",
}


def url_of(path_or_url: Path | str) -> URL:
    """A file becomes an SQLite URL; anything with `://` is a URL. Raises InputError for another database."""
    text = str(path_or_url)
    if "://" not in text:
        return URL.create("sqlite", database=text)
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise InputError(f"store: {error}", hint="such as postgresql://user@host/name") from error
    backend = url.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise InputError(f"store: {backend} is not supported", hint="give a file, or a postgresql:// URL")
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def connect(url: URL) -> Engine:
    """An engine whose commits are on the disk before they return. Nothing is opened yet.

    Raises MissingExtra when the driver of a PostgreSQL URL is not installed.
    """
    if url.get_backend_name() != "sqlite":
        need(url.get_driver_name(), extra="postgres")
    try:
        engine = create_engine(url, connect_args=_arguments(url), pool_pre_ping=True)
    except (NoSuchModuleError, ArgumentError) as error:
        raise InputError(f"store: {error}", hint="such as postgresql://user@host/name") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that will write: SQLite takes its write lock first, so that it never fails halfway."""
    with engine.connect().execution_options(hauberk_writes=True) as connection, connection.begin():
        yield connection


def lock_for_migration(connection: Connection) -> None:
    """Wait until no other process migrates. SQLite is locked already by `writing`."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")


@contextmanager
def explained(engine: Engine) -> Iterator[None]:
    """Turn the driver's errors into InputError that names the store and says what to do."""
    try:
        yield
    except DBAPIError as error:
        where = engine.url.database if engine.dialect.name == "sqlite" else engine.url.render_as_string()
        cause = " ".join(str(error.orig).split())
        hint = next((hint for sign, hint in HINTS.items() if sign in cause.lower()), "")
        raise InputError(f"store {where}: {cause}", hint=hint) from error


def _arguments(url: URL) -> dict[str, Any]:
    return {"timeout": BUSY_S} if url.get_backend_name() == "sqlite" else {"connect_timeout": 10}


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, see _begin_sqlite
    cursor = connection.cursor()
    _write_ahead(cursor)  # readers do not wait for a writer
    cursor.execute("PRAGMA synchronous=FULL")  # a commit is synced: a killed machine loses nothing acknowledged
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _write_ahead(cursor: Any) -> None:
    """Switch to WAL. SQLite does not wait by itself while another process makes the same switch: we do."""
    until = time.monotonic() + BUSY_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(RETRY_S)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("hauberk_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
