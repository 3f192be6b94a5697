"""Kill -9 in the middle of an audit: what was finished is kept, and is not run again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

DEADLINE_S = 120


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A linear model of 64 inputs and 10 classes, and random-looking but fixed examples that it labels itself."""
    from onnx import parser

    chance = np.random.default_rng(0)
    weights = chance.normal(size=(64, 10)).round(3)
    numbers = ", ".join(str(w) for w in weights.ravel())
    text = f"""<ir_version: 8, opset_import: ["": 17]>
    linear (float[n, 64] x) => (float[n, 10] y)
    <float[64, 10] w = {{{numbers}}}> {{ z = MatMul(x, w)  y = Softmax(z) }}"""
    (tmp_path / "m.onnx").write_bytes(parser.parse_model(text).SerializeToString())
    x = chance.uniform(size=(400, 64)).astype(np.float32)
    np.savez(tmp_path / "test.npz", x=x, y=(x @ weights).argmax(1))
    return tmp_path


def command(*more: str) -> list[str]:
    return [
        sys.executable, "-m", "hauberk.cli.main", "audit", "m.onnx", "--data", "test.npz", "--bounds", "0,1",
        "--jobs", "1", "--set", "attack.evasion.white_box=false", "--set", "attack.evasion.queries=5000", *more,
    ]  # fmt: skip


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"])
def test_finished_evidence_outlives_the_process(
    model: Path, how: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(model / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(model / "share"))
    process = subprocess.Popen(command(), cwd=model, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    done = model / ".dossier.part" / "evidence" / "attack.noise.json"
    until = time.monotonic() + DEADLINE_S
    while not done.exists() and process.poll() is None and time.monotonic() < until:
        os.sched_yield()
    assert process.poll() is None, process.communicate()
    os.kill(process.pid, how)
    out, err = process.communicate(timeout=DEADLINE_S)
    if how is signal.SIGINT:
        assert process.returncode == 2, err
        assert out.startswith("INCONCLUSIVE"), "the dossier of what is finished is written"
    else:
        assert not (model / "dossier").exists()
    quick = command("--resume", "--set", "attack.evasion.queries=20")
    again = subprocess.run(quick, cwd=model, capture_output=True, text=True, check=False, timeout=DEADLINE_S)
    assert again.returncode in (0, 1), again.stderr
    kept = {line.split()[1].rstrip(":") for line in again.stderr.splitlines() if "already proven" in line}
    assert {"artifact.digest", "artifact.scan", "model.quality", "attack.noise"} <= kept
    assert "attack.evasion" not in kept
