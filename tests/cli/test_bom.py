"""`hauberk bom`: what it writes, what it asks for."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any


def test_both_forms_are_written(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(pickle.dumps({"w": [1.0]}))
    told = cli("bom", "m.pkl", "-o", "bom.json")
    assert (told.code, "1 files, 0 findings, 1 pieces of evidence" in told.err) == (0, True)
    document = json.loads(Path("bom.json").read_text())
    assert document["metadata"]["component"]["hashes"][0]["alg"] == "SHA-256"
    assert json.loads(cli("bom", "m.pkl", "--format", "cyclonedx-1.7").out)["specVersion"] == "1.7"
    short = cli("bom", "m.pkl", "--format", "spdx")
    assert "--supplier, --released, --version, --origin" in short.err
    full = cli("bom", "m.pkl", "--format", "spdx", "--supplier", "x", "--released", "2026-01-01", "--version", "1",
               "--origin", "https://e.example/m")  # fmt: skip
    assert any("ai" in element.get("profileConformance", []) for element in json.loads(full.out)["@graph"])
    assert cli("bom", "m.pkl", "--format", "spdx", "--released", "soon").code == 2
    assert cli("bom", "nowhere.pkl").code == 2


def test_an_audit_joins(cli: Any, shelf: Path) -> None:
    assert cli("audit", shelf / "linear.onnx", "--data", shelf / "test.npz", "-o", "d").code in (0, 1, 2)
    told = cli("bom", shelf / "linear.onnx", "--dossier", "d")
    assert told.code == 0
    document = json.loads(told.out)
    checks = {row["requirement"] for row in document["declarations"]["attestations"][0]["map"]}
    assert {"check:artifact.scan", "check:model.quality"} <= checks
    assert document["declarations"]["assessors"][0]["organization"]["name"].startswith("sha256:")
    assert cli("bom", shelf / "plain.joblib", "--dossier", "d").code == 2
