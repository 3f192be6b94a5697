"""A store that cannot be used says why and what to do; what it holds is never touched."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event

from hauberk.core.canon import digest
from hauberk.core.errors import InputError, MissingExtra
from hauberk.core.nouns import Evidence
from hauberk.store.engine import url_of
from hauberk.store.evidence import EvidenceStore
from hauberk.store.tables import HEAD, METADATA

Make = Callable[..., Evidence]


def refused(path: Path | str) -> InputError:
    with pytest.raises(InputError) as caught:
        EvidenceStore.open(path)
    assert caught.value.hint
    return caught.value


def test_no_such_folder(tmp_path: Path) -> None:
    error = refused(tmp_path / "no" / "hauberk.db")
    assert "unable to open" in str(error)
    assert str(tmp_path) in str(error)
    assert "folder" in error.hint


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no /proc")
def test_a_folder_that_nobody_may_write_to() -> None:
    """/proc takes no new files, not even from root."""
    assert "may you write" in refused("/proc/hauberk.db").hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_and_file(tmp_path: Path, make: Make) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    EvidenceStore.open(folder / "hauberk.db").close()
    for path in (folder / "hauberk.db", folder):
        path.chmod(0o500 if path is folder else 0o400)
    refused(folder / "hauberk.db")
    refused(folder / "new.db")
    folder.chmod(0o700)


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    assert "unable to open" in str(refused(tmp_path))


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "hauberk.db"
    path.write_bytes(b"PK\x03\x04" + b"zip" * 500)
    error = refused(path)
    assert "not a database" in str(error)
    assert "backup" in error.hint
    assert path.read_bytes() == b"PK\x03\x04" + b"zip" * 500


def test_a_damaged_file(tmp_path: Path, make: Make) -> None:
    path = tmp_path / "hauberk.db"
    with EvidenceStore.open(path) as store:
        for i in range(200):
            store.put(b"%d" % i * 100, make(seed=i))
    content = bytearray(path.read_bytes())
    for start in range(4096, len(content), 4096):
        content[start : start + 2048] = b"\xaa" * 2048
    path.write_bytes(content)
    with pytest.raises(InputError) as caught, EvidenceStore.open(path) as store:
        store.find(digest(b"model"))
    assert "backup" in caught.value.hint


def test_another_programs_database(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE songs (title TEXT)")
    connection.commit()
    connection.close()
    assert "belongs to another program" in str(refused(path))
    tables = sqlite3.connect(path).execute("SELECT name FROM sqlite_master").fetchall()
    assert tables == [("songs",)]


def test_a_store_from_a_newer_hauberk(tmp_path: Path, make: Make) -> None:
    path = tmp_path / "hauberk.db"
    with EvidenceStore.open(path) as store:
        store.put(b"e", make())
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    error = refused(path)
    assert "is at version 9999, this Hauberk knows up to" in str(error)
    assert "--upgrade" in error.hint
    assert connection.execute("SELECT count(*) FROM evidence").fetchone() == (1,)


def test_a_full_disk_keeps_what_was_acknowledged(tmp_path: Path, make: Make) -> None:
    """SQLite's own page limit gives its own SQLITE_FULL."""
    path = tmp_path / "hauberk.db"
    store = EvidenceStore.open(path)
    store.put(b"small", make())
    event.listen(store._engine, "begin", lambda c: c.exec_driver_sql("PRAGMA max_page_count=20"))
    with pytest.raises(InputError, match="disk is full") as caught:
        store.put(b"x" * 1_000_000, make(seed=1))
    assert "free some space" in caught.value.hint
    assert [s.envelope for s in store.find(digest(b"model"))] == [b"small"]


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from hauberk.core.errors import InputError
from hauberk.core.nouns import Budget, Evidence, Subject
from hauberk.store.evidence import EvidenceStore
store = EvidenceStore.open(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
model = Subject("model", "m", "sha256:" + "0" * 64)
for seed in range(1000):
    evidence = Evidence("c", "1", (model,), {}, seed, Budget(), (), (), (), (), "f", "f", "e", {})
    try:
        store.put(b"x" * 5000 + b"%d" % seed, evidence)
    except InputError as error:
        print(seed, error, "|", error.hint)
        break
"""


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """The system refuses the write (RLIMIT_FSIZE), as a full disk or a quota does."""
    path = tmp_path / "hauberk.db"
    run = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True)
    assert "disk" in run.stdout
    acknowledged = int(run.stdout.split()[0])
    assert acknowledged > 3
    with EvidenceStore.open(path) as store:
        assert len(store.find("sha256:" + "0" * 64)) == acknowledged


def test_urls() -> None:
    for url, message in (("mysql://host/x", "mysql is not supported"), ("://", "store:"), ("ftp://x", "ftp")):
        assert message in str(refused(url))
    assert url_of("a/b.db").database == "a/b.db"
    assert url_of("postgresql+psycopg://h/d").drivername == "postgresql+psycopg"


def test_a_driver_that_is_not_installed() -> None:
    with pytest.raises(MissingExtra) as caught:
        EvidenceStore.open("postgresql+nosuchdriver://host/name")
    assert "hauberk[postgres]" in caught.value.hint


def test_a_server_that_does_not_answer() -> None:
    pytest.importorskip("psycopg")
    error = refused("postgresql://user:secret@127.0.0.1:1/name")
    assert "server running" in error.hint
    assert "secret" not in str(error)


def test_without_sqlalchemy_it_names_the_extra() -> None:
    code = "import sys; sys.modules['sqlalchemy'] = None; import hauberk.store"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MissingExtra: sqlalchemy is not installed" in run.stderr


def test_the_migrations_end_where_the_tables_are(url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    from hauberk.store.schema import _config

    assert ScriptDirectory.from_config(_config()).get_current_head() == HEAD
    with EvidenceStore.open(url) as store, store._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_a_store_that_is_there_is_opened_without_alembic(tmp_path: Path) -> None:
    path = tmp_path / "hauberk.db"
    EvidenceStore.open(path).close()
    code = (
        "import sys; from hauberk.store.evidence import EvidenceStore; EvidenceStore.open(sys.argv[1]).close();"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 0


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import op

    def fail(*_: object) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(op, "create_index", fail)
    with pytest.raises(RuntimeError):
        EvidenceStore.open(tmp_path / "hauberk.db")
    assert sqlite3.connect(tmp_path / "hauberk.db").execute("SELECT * FROM sqlite_master").fetchall() == []
    monkeypatch.undo()
    EvidenceStore.open(tmp_path / "hauberk.db").close()
