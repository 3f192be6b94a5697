"""Fetching: limits hold, and names cannot leave the folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hauberk.artifact.remote import fetched
from hauberk.core.errors import InputError, LimitExceeded
from hauberk.core.limits import Limits

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def memory() -> Any:
    system = fsspec.filesystem("memory")
    system.pipe({"/shop/a/model.bin": b"12345", "/shop/a/deep/b.txt": b"67"})
    yield system
    system.rm("/shop", recursive=True)


def test_a_folder_comes_whole(memory: Any, tmp_path: Path) -> None:
    told: list[int] = []
    root = fetched("memory://shop/a", tmp_path, Limits(), lambda done, total, _: told.append(total))
    assert {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()} == {
        "model.bin": b"12345",
        "deep/b.txt": b"67",
    }
    assert told == [7, 7]


def test_limits_hold_even_when_the_size_lies(memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LimitExceeded):
        fetched("memory://shop/a", tmp_path / "1", Limits(max_members=1))
    with pytest.raises(LimitExceeded):
        fetched("memory://shop/a", tmp_path / "2", Limits(max_total_bytes=6))
    monkeypatch.setattr(type(memory), "size", lambda self, path: 1)
    with pytest.raises(LimitExceeded):
        fetched("memory://shop/a/model.bin", tmp_path, Limits(max_file_bytes=4))


def test_a_name_that_leaves_the_folder_is_refused(memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(memory), "find", lambda *_, **__: {"/shop/a/../../../escape": {"size": 1}})
    with pytest.raises(InputError, match="leaves the folder"):
        fetched("memory://shop/a", tmp_path, Limits())
    assert not (tmp_path.parent / "escape").exists()
