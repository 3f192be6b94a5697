"""`hauberk audit` as a user types it: what it writes, what it says of bad input, and with which exit code."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

QUICK = ("--jobs", "0", "--set", "attack.evasion.steps=5", "--set", "attack.evasion.short_queries=20")
FAR = ("--set", 'attack.evasion.eps={"linf": 0.12, "l2": 0.2}')


def test_from_model_to_gate(cli: Any, shelf: Path) -> None:
    """Audit, verify, gate, and the second audit that keeps what is proven."""
    audit = ("audit", shelf / "linear.onnx", "--data", shelf / "test.npz", "--bounds", "0,1", *FAR, *QUICK)
    result = cli(*audit)
    assert result.code == 1, result.err
    assert result.out.startswith("BROKEN"), result.out
    assert "attack.evasion.broken" in result.out
    assert "not tested" in result.out
    assert "made a signing key" in result.err
    names = {p.name for p in Path("dossier").iterdir()}
    reports = {"report.html", "report.json", "report.sarif", "report.md", "junit.xml"}
    assert names == reports | {"dossier.json", "manifest.json", "evidence"}
    assert json.loads(Path("dossier/report.sarif").read_text())["version"] == "2.1.0"
    assert cli("verify", "dossier", "--model", shelf / "linear.onnx").code == 0
    assert cli("gate", "dossier").code in (0, 1)
    Path("strict.cedar").write_text('@id("never") @message("not today") forbid (principal, action, resource);')
    denied = cli("gate", "dossier", "--policy", "strict.cedar")
    assert (denied.code, "not today" in denied.out) == (1, True)
    again = cli(*audit, "--resume")
    assert again.err.count("already proven") == 6, again.err


def test_a_pickled_model_is_audited_in_its_sandbox(cli: Any, shelf: Path) -> None:
    result = cli(
        "audit", shelf / "plain.joblib", "--data", shelf / "test.parquet", "--train", shelf / "train.parquet",
        "--target", "y", "--only", "artifact.digest,artifact.scan,model.quality,attack.membership", "--jobs", "0",
        "--set", "attack.membership.pairs=1", "--format", "json",
    )  # fmt: skip
    report = json.loads(result.out)["dossier"]
    assert result.code in (0, 1, 2), result.err
    checks = {e["check"]: e for e in report["evidence"]}
    assert set(checks) == {"artifact.digest", "artifact.scan", "model.quality", "attack.membership"}
    assert report["facts"].get("sandbox") or any(s["what"] == "sandbox" for s in checks["model.quality"]["skipped"])


class Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (self.path,)


def test_a_malicious_pickle_is_refused_and_nothing_runs(cli: Any, shelf: Path, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    (tmp_path / "model.joblib").write_bytes(pickle.dumps(Payload(str(proof))))
    result = cli("audit", tmp_path / "model.joblib", "--data", shelf / "test.parquet", "--target", "y", "--jobs", "0")
    assert result.code == 1
    assert "was not loaded" in result.err
    assert "mkdir" in result.out
    assert not proof.exists()
    scanned = cli("scan", tmp_path / "model.joblib")
    assert (scanned.code, "BROKEN" in scanned.out) == (1, True)
    assert not proof.exists()


def refused(result: Any, *words: str) -> None:
    """Exit 2, one message that holds these words, and a hint."""
    assert result.code == 2, (result.code, result.out, result.err)
    told = result.err.rpartition("hauberk: ")[2]
    assert all(word in told for word in words), result.err
    assert "Traceback" not in result.err
    assert not Path("dossier/manifest.json").exists()


def test_no_such_file(cli: Any, shelf: Path) -> None:
    refused(cli("audit", "none.onnx", "--data", shelf / "test.npz", *QUICK), "none.onnx", "no such file")
    refused(cli("audit", shelf / "linear.onnx", "--data", "none.npz", *QUICK), "none.npz", "no such file")
    refused(cli("audit", "--config", "none.toml"), "none.toml")
    refused(cli("audit"), "no model is named", "hint")


def test_labels_of_another_length(cli: Any, shelf: Path) -> None:
    np.savez("short.npz", x=np.zeros((5, 4), np.float32), y=np.array([0, 1, 2]))
    refused(cli("audit", shelf / "linear.onnx", "--data", "short.npz", *QUICK), "5", "3", "hint")


def test_nan_in_data(cli: Any, shelf: Path) -> None:
    x = np.zeros((5, 4), np.float32)
    x[2, 1] = np.nan
    np.savez("nan.npz", x=x, y=np.array([0, 1, 2, 0, 1]))
    refused(cli("audit", shelf / "linear.onnx", "--data", "nan.npz", *QUICK), "NaN", "hint")


def test_a_model_of_another_input_shape(cli: Any, shelf: Path) -> None:
    np.savez("wide.npz", x=np.zeros((5, 7), np.float32), y=np.array([0, 1, 2, 0, 1]))
    refused(cli("audit", shelf / "linear.onnx", "--data", "wide.npz", *QUICK), "7", "4")


def test_more_labels_than_classes(cli: Any, shelf: Path) -> None:
    np.savez("many.npz", x=np.zeros((5, 4), np.float32), y=np.arange(5))
    refused(cli("audit", shelf / "linear.onnx", "--data", "many.npz", *QUICK), "5 labels", "3 classes", "--classes")


@pytest.mark.parametrize("keep", [0, 1, 10, 60, 100])
def test_a_truncated_onnx(cli: Any, shelf: Path, keep: int) -> None:
    content = (shelf / "linear.onnx").read_bytes()
    Path("cut.onnx").write_bytes(content[: len(content) * keep // 101])
    result = cli("audit", "cut.onnx", "--data", shelf / "test.npz", *QUICK)
    assert result.code in (1, 2), result.out
    assert "Traceback" not in result.err
    assert "held" not in result.out.splitlines()[0].lower() if result.out else True


class Endpoint(BaseHTTPRequestHandler):
    """An Open Inference Protocol server of one model; `answer` says what an inference gets."""

    answer: Any = None

    def do_GET(self) -> None:
        self.reply(
            {
                "name": "m",
                "platform": "test",
                "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}],
                "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 3]}],
            }
        )

    def do_POST(self) -> None:
        if self.answer is None:
            return self.send_error(500)
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["inputs"][0]
        scores = type(self).answer(np.array(asked["data"], dtype=float).reshape(asked["shape"]))
        tensor = {"name": "y", "datatype": "FP64", "shape": list(scores.shape), "data": scores.ravel().tolist()}
        self.reply({"model_name": "m", "outputs": [tensor]})

    def reply(self, answer: Any) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        return


@contextmanager
def serving(answer: Any) -> Iterator[str]:
    handler = type("Handler", (Endpoint,), {"answer": staticmethod(answer) if answer else None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v2/models/m"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def endpoint() -> Iterator[str]:
    """A server that knows its model and answers every inference with 500."""
    with serving(None) as url:
        yield url


def test_an_endpoint_is_audited_within_its_query_budget(cli: Any, shelf: Path) -> None:
    shown = []

    def answer(x: Any) -> Any:
        shown.append(len(x))
        scores = np.exp(-((x[:, :3] - np.array([0.2, 0.5, 0.7])) ** 2) * 9)
        return scores / scores.sum(1, keepdims=True)

    with serving(answer) as url:
        result = cli("audit", url, "--data", shelf / "test.npz", "--max-queries", "3000", "--jobs", "0")
    assert result.code in (1, 2), result.err
    assert 1000 < sum(shown) <= 3000
    record = json.loads(Path("dossier/dossier.json").read_text())
    assert record["subjects"]["model"]["kind"] == "endpoint"
    assert {n["check"] for n in record["not_tested"]} >= {"artifact.scan", "artifact.digest", "attack.membership"}
    evasion = json.loads(Path("dossier/report.json").read_text())
    assert any(e["check"] == "attack.evasion" for e in evasion["dossier"]["evidence"])


def test_an_endpoint_that_answers_500(cli: Any, shelf: Path, endpoint: str) -> None:
    refused(cli("audit", endpoint, "--data", shelf / "test.npz", *QUICK), "500", "hint")


def test_an_endpoint_that_answers_nothing(cli: Any, shelf: Path) -> None:
    result = cli("audit", "http://127.0.0.1:9/v2/models/m", "--data", shelf / "test.npz", *QUICK)
    refused(result, "127.0.0.1:9", "hint")


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KB."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk(cli: Any, shelf: Path, full_disk: Path) -> None:
    result = cli("audit", shelf / "linear.onnx", "--data", shelf / "test.npz", "-o", full_disk / "dossier", *QUICK)
    assert result.code == 2, result.out
    assert "No space left" in result.err
    assert "free some space" in result.err
    assert not (full_disk / "dossier" / "manifest.json").exists()
    kept = cli("audit", shelf / "linear.onnx", "--data", shelf / "test.npz", "--resume", *QUICK)
    assert "already proven" in kept.err, "what was finished before the disk was full is not lost"


def test_an_audit_that_fails_leaves_the_last_dossier(cli: Any, shelf: Path) -> None:
    audit = ("audit", shelf / "linear.onnx", "--jobs", "0", "--only", "artifact.digest,artifact.scan,model.quality")
    assert cli(*audit, "--data", shelf / "test.npz").code == 0
    assert cli(*audit, "--data", "none.npz").code == 2
    assert cli("verify", "dossier", "--model", shelf / "linear.onnx").code == 0


def test_a_folder_that_is_no_dossier(cli: Any, shelf: Path) -> None:
    Path("work").mkdir()
    Path("work/thesis.tex").write_text("years")
    result = cli("audit", shelf / "linear.onnx", "--data", shelf / "test.npz", "-o", "work", *QUICK)
    refused(result, "thesis.tex", "--output")
    assert Path("work/thesis.tex").read_text() == "years"


def test_an_unknown_option_names_the_known_ones(cli: Any, shelf: Path) -> None:
    audit = ("audit", shelf / "linear.onnx", "--data", shelf / "test.npz", "--jobs", "0")
    refused(cli(*audit, "--set", "attack.evasion.epsilon=1"), "unknown option 'epsilon'", "eps")
    refused(cli(*audit, "--set", "nonsense"), "CHECK.OPTION=VALUE")
    refused(cli(*audit, "--only", "attack.evasoin"), "no check 'attack.evasoin'")
