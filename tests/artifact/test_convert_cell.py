"""Conversion in a cell: the same result, the same errors, and a cell that is not believed."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hauberk.artifact import convert_cell
from hauberk.artifact.convert import convert
from hauberk.artifact.convert_cell import convert_confined
from hauberk.core.errors import InputError, LimitExceeded, UnsupportedError
from hauberk.core.limits import Limits
from hauberk.run.sandbox import Sandbox


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "m.pkl").write_bytes(pickle.dumps({"w": np.arange(6.0), "n": 3, "x": Evil(tmp_path / "ran")}))
    return tmp_path / "m.pkl"


class Evil:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.canary}",)


def test_a_cell_converts_as_this_process_does(model: Path, tmp_path: Path) -> None:
    here, there = (
        run(model, tmp_path / name) for run, name in ((convert, "here.safetensors"), (convert_confined, "there"))
    )
    assert here == there
    assert (tmp_path / "there").read_bytes() == (tmp_path / "here.safetensors").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["here.safetensors", "m.pkl", "there"]
    assert (tmp_path / "there").stat().st_mode & 0o077 == 0o044


def test_errors_come_through(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(LimitExceeded, match=r"m\.pkl: .* opcodes"):
        convert_confined(model, out, Limits(max_opcodes=3))
    model.write_bytes(pickle.dumps({"w": np.zeros(1, "c16")}))
    with pytest.raises(UnsupportedError, match="safetensors has no type") as caught:
        convert_confined(model, out)
    assert caught.value.hint.startswith("--partial")
    assert str(model) in str(caught.value)
    with pytest.raises(InputError, match="cannot be read"):
        convert_confined(tmp_path / "missing", out)
    with pytest.raises(InputError, match="cannot be written"):
        convert_confined(model, tmp_path / "no" / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["m.pkl"]


def test_a_file_that_is_there_stays(model: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        convert_confined(model, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"
    convert_confined(model, tmp_path / "out", replace=True)
    assert (tmp_path / "out").stat().st_size > 48


@pytest.mark.skipif(not Sandbox().strength, reason="nothing confines here")
def test_a_parser_with_a_hole_reaches_nothing(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cell runs a stand-in that does as an exploit would."""
    (tmp_path / "hauberk_test_exploit.py").write_text(
        "import os, sys\n"
        "for attempt in (lambda: os.system('touch ran'), lambda: open(os.path.expanduser('~/x'), 'w'),\n"
        "                lambda: open(sys.argv[2], 'w'), lambda: open('/etc/passwd').read()):\n"
        "    try:\n"
        "        attempt()\n"
        "        sys.stdout.write('ESCAPED')\n"
        "    except OSError:\n"
        "        pass\n"
    )
    start = Sandbox.start
    monkeypatch.setattr(
        convert_cell.Sandbox, "start",
        lambda box, module, arguments: start(
            Sandbox(box.reads, box.scratch, imports=(tmp_path,)), "hauberk_test_exploit", [*arguments, str(model)]
        ),
    )  # fmt: skip
    before = model.read_bytes()
    with pytest.raises(InputError, match="could not be read: it exited with status 0"):
        convert_confined(model, tmp_path / "out")
    assert model.read_bytes() == before
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "ran").exists()


class Cell:
    """A cell that says and writes what it likes."""

    def __init__(self, said: bytes, wrote: bytes | Path | None) -> None:
        self.said, self.wrote = said, wrote

    def start(self, box: Sandbox, module: str, arguments: list[str]) -> subprocess.Popen[bytes]:
        assert box.scratch is not None
        if isinstance(self.wrote, Path):
            (box.scratch / "out").symlink_to(self.wrote)
        elif self.wrote is not None:
            (box.scratch / "out").write_bytes(self.wrote)
        command = [sys.executable, "-c", f"import sys; sys.stdout.buffer.write({self.said!r})"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


GOOD = {"source": "s", "digest": "d", "form": "f", "size": 1, "tensors": {}, "calls": {}, "left": []}
HOSTILE = {
    "nothing": Cell(b"", b""),
    "no JSON": Cell(b"[" * 100_000, b""),
    "another type": Cell(json.dumps({**GOOD, "tensors": [1]}).encode(), b""),
    "an unknown error": Cell(json.dumps({"error": "SystemExit", "message": "", "hint": ""}).encode(), b""),
    "a link": Cell(json.dumps(GOOD).encode(), Path("/etc/passwd")),
    "no tensors": Cell(json.dumps(GOOD).encode(), b"\x80\x05cposix\nsystem\n."),
    "no file": Cell(json.dumps(GOOD).encode(), None),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_cell_that_lies_is_not_believed(
    model: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = HOSTILE[name]
    monkeypatch.setattr(convert_cell.Sandbox, "start", lambda box, module, words: cell.start(box, module, words))
    with pytest.raises(InputError):
        convert_confined(model, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["m.pkl"]


def test_the_cell_speaks_json_only(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    wanted = {"path": str(model), "name": "m", "out": str(tmp_path / "out"), "limits": {}, "partial": False}
    monkeypatch.setattr(sys, "argv", ["", json.dumps(wanted)])
    monkeypatch.setattr(sys, "stdout", out)
    convert_cell.main()
    assert json.loads(out.getvalue())["tensors"] == {"w": ["F64", [6]]}
