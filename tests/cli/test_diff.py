"""`hauberk diff`: what it prints, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np


def test_sizes_are_told_and_exit_codes_tell(cli: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.float32([3, 4]))
    np.save(tmp_path / "b.npy", np.float32([3, 4.5]))
    same = cli("diff", "a.npy", "a.npy")
    assert (same.code, same.out) == (0, "the same\n")
    told = cli("diff", "a.npy", "b.npy")
    assert told.code == 1
    assert told.out.startswith("different: 1 file, 1 tensor\n")
    assert "by 0.1 of its norm, at most 0.5" in told.out
    report = json.loads(cli("diff", "a.npy", "b.npy", "--format", "json").out)
    assert [c["facet"] for c in report["changes"]] == ["file", "tensor"]
    assert cli("diff", "a.npy", "nowhere").code == 2


def test_hostile_names_are_escaped(cli: Any, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    (tmp_path / "b" / "x\x1b[2J\n.txt").write_text("hi")
    told = cli("diff", "a", "b")
    assert "\x1b" not in told.out
    assert told.code == 1
