"""What was put is found: by subject and check, the newest first, once, by every process."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hauberk.core.canon import digest
from hauberk.core.errors import InputError
from hauberk.core.nouns import Evidence, name_of
from hauberk.store.evidence import EvidenceStore, Stored

Make = Callable[..., Evidence]
MODEL = digest(b"model")


def test_what_was_put_comes_back_byte_for_byte(store: EvidenceStore, make: Make) -> None:
    evidence, envelope = make(), bytes(range(256))
    assert store.put(envelope, evidence) == name_of(evidence)
    expected = Stored(name_of(evidence), "attack.evasion", evidence.finished, evidence.expires, envelope)
    assert store.get(name_of(evidence)) == expected
    assert store.find(MODEL, "attack.evasion") == [expected]


def test_it_is_there_after_closing(url: str, make: Make) -> None:
    with EvidenceStore.open(url) as store:
        store.put(b"envelope", make())
    with EvidenceStore.open(url) as store:
        assert [s.envelope for s in store.find(MODEL)] == [b"envelope"]


def test_the_newest_comes_first_and_of_one_second_the_last_put(store: EvidenceStore, make: Make) -> None:
    for envelope, day in ((b"a", "03"), (b"b", "02"), (b"c", "03"), (b"d", "01")):
        store.put(envelope, make(finished=day))
    assert [s.envelope for s in store.find(MODEL, "attack.evasion")] == [b"c", b"a", b"b", b"d"]


def test_only_that_subject_and_that_check(store: EvidenceStore, make: Make) -> None:
    store.put(b"1", make())
    store.put(b"2", make(check="model.quality"))
    store.put(b"3", make(model=b"other"))
    assert [s.envelope for s in store.find(MODEL, "attack.evasion")] == [b"1"]
    assert [s.envelope for s in store.find(MODEL)] == [b"2", b"1"]
    assert [s.envelope for s in store.find(digest(b"data"), "attack.evasion")] == [b"3", b"1"]
    assert store.find(digest(b"nothing"), "attack.evasion") == []
    assert store.find("' OR 1=1 --") == []


def test_the_same_envelope_again_changes_nothing(store: EvidenceStore, make: Make) -> None:
    assert store.put(b"e", make()) == store.put(b"e", make())
    assert len(store.find(MODEL)) == 1


def test_a_row_that_cannot_be_kept_is_not_acknowledged(store: EvidenceStore, make: Make) -> None:
    """A broken constraint is taken for 'there already' only when it is there."""
    broken = replace(make(), finished=None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"NOT NULL|null value"):
        store.put(b"e", broken)
    assert store.find(MODEL) == []


def test_the_same_evidence_signed_anew_is_kept_beside(store: EvidenceStore, make: Make) -> None:
    name = store.put(b"old key", make())
    assert store.put(b"new key", make()) == name
    assert store.get(name).envelope == b"new key"
    assert len(store.find(MODEL)) == 2


def test_what_is_not_there(store: EvidenceStore) -> None:
    with pytest.raises(InputError, match="no evidence sha256:0"):
        store.get("sha256:0")


def test_many_threads(store: EvidenceStore, make: Make) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: store.put(b"%d" % (i % 20), make(seed=i % 20)), range(60)))
    assert len(store.find(MODEL)) == 20


WRITER = """
import sys
from hauberk.core.canon import digest
from hauberk.core.nouns import Budget, Evidence, Subject
from hauberk.store.evidence import EvidenceStore
store = EvidenceStore.open(sys.argv[1])
model = Subject("model", "m", digest(b"model"))
for seed in range(int(sys.argv[2]), int(sys.argv[3])):
    evidence = Evidence("c", "1", (model,), {}, seed, Budget(), (), (), (), (), "f", "f", "e", {})
    print(store.put(b"x" * 5000 + b"%d" % seed, evidence), flush=True)
"""


def writer(url: str | Path, first: int, end: int) -> subprocess.Popen[bytes]:
    """A process that puts evidence and prints each digest that was acknowledged."""
    command = [sys.executable, "-c", WRITER, str(url), str(first), str(end)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def test_two_processes_that_open_and_write_at_once(url: str) -> None:
    """Both make the tables (one waits for the other), and half of what they put is the same."""
    with writer(url, 0, 30) as one, writer(url, 15, 45) as other:
        told = {line for process in (one, other) for line in process.communicate()[0].split()}
    assert (one.returncode, other.returncode, len(told)) == (0, 0, 45)
    with EvidenceStore.open(url) as store:
        found = [s.envelope for s in store.find(MODEL, "c")]
    assert sorted(found) == sorted(b"x" * 5000 + b"%d" % i for i in range(45))


@pytest.mark.parametrize("acknowledged", [1, 7, 40])
def test_a_killed_writer_loses_nothing_acknowledged(tmp_path: Path, acknowledged: int) -> None:
    path = tmp_path / "hauberk.db"
    with writer(path, 0, 100_000) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(acknowledged)]
        process.send_signal(signal.SIGKILL)
        told += process.stdout.readlines()
    names = [line.decode().strip() for line in told if line.endswith(b"\n")]
    with EvidenceStore.open(path) as store:
        found = {s.digest: s for s in store.find(MODEL, "c")}
        assert len(names) >= acknowledged
        assert set(names) <= set(found)
        assert len(found) <= len(names) + 1  # the one that was on its way may be there, whole
        assert all(s.envelope.startswith(b"x" * 5000) for s in found.values())
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_commits_are_synced(tmp_path: Path) -> None:
    store = EvidenceStore.open(tmp_path / "hauberk.db")
    with store._engine.connect() as connection:
        pragmas = [connection.exec_driver_sql(f"PRAGMA {p}").scalar() for p in ("journal_mode", "synchronous")]
    assert pragmas == ["wal", 2]  # 2: FULL


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.integers(1, 9)), max_size=12))
def test_it_finds_what_a_list_would(make: Make, rows: list[tuple[str, str, int]]) -> None:
    store, kept = EvidenceStore.open(":memory:"), []
    for i, (model, check, day) in enumerate(rows):
        evidence = make(model.encode(), check, f"{day:02}", seed=i)
        store.put(b"%d" % i, evidence)
        kept.append((evidence.finished, i, model, check))
    for model in "abc":
        for check in "xy":
            expected = [b"%d" % i for _, i, m, c in sorted(kept, reverse=True) if (m, c) == (model, check)]
            assert [s.envelope for s in store.find(digest(model.encode()), check)] == expected


def test_the_switch_to_wal_is_waited_for() -> None:
    """SQLite answers `database is locked` at once when two processes make the switch: the second one tries again."""
    from hauberk.store.engine import _write_ahead

    class Cursor:
        tries = 0

        def execute(self, statement: str) -> None:
            self.tries += 1
            if self.tries < 3:
                raise sqlite3.OperationalError("database is locked")

    cursor = Cursor()
    _write_ahead(cursor)
    assert cursor.tries == 3

    class Broken:
        def execute(self, statement: str) -> None:
            raise sqlite3.OperationalError("disk I/O error")

    with pytest.raises(sqlite3.OperationalError, match="disk"):
        _write_ahead(Broken())
