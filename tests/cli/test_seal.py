"""`hauberk seal`, `open` and `convert` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hauberk.cli.main import main
from hauberk.cli.seal import PASSPHRASE


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model and a key pair."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HAUBERK_KEY_PASSPHRASE", "words")
    assert main(["key", "new", "team", "--algorithm", "x25519", "--encrypt"]) == 0
    (tmp_path / "m.onnx").write_bytes(b"weights")
    return tmp_path


def test_seal_and_open(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "show", "team.key"]) == 0
    key_id = capsys.readouterr().out.split("\n")[-3]
    assert main(["seal", "m.onnx", "--to", "team.pub", "--bind"]) == 0
    assert capsys.readouterr().out == "m.onnx.sealed\n"
    assert b"weights" not in (here / "m.onnx.sealed").read_bytes()
    assert main(["open", "m.onnx.sealed"]) == 2
    assert key_id in capsys.readouterr().err
    assert main(["open", "m.onnx.sealed", "--key", "team.key", "-o", "back"]) == 0
    assert (here / "back").read_bytes() == b"weights"
    assert main(["open", "m.onnx.sealed", "--key", "team.key"]) == 2  # m.onnx is there
    assert "is there already" in capsys.readouterr().err
    assert main(["open", "m.onnx.sealed", "--key", "team.key", "--force"]) == 0


def test_a_passphrase(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["seal", "m.onnx", "--passphrase"]) == 2
    assert PASSPHRASE in capsys.readouterr().err
    monkeypatch.setenv(PASSPHRASE, "correct horse")
    assert main(["seal", "m.onnx", "--passphrase", "-o", "s"]) == 0
    assert main(["open", "s", "--passphrase"]) == 2
    assert "give -o FILE" in capsys.readouterr().err
    assert main(["open", "s", "--passphrase", "-o", "back"]) == 0
    monkeypatch.setenv(PASSPHRASE, "wrong")
    assert main(["open", "s", "--passphrase", "-o", "other"]) == 2
    assert not (here / "other").exists()


def test_a_damaged_file_is_refused_in_words(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["seal", "m.onnx", "--to", "team.pub"])
    content = (here / "m.onnx.sealed").read_bytes()
    (here / "m.onnx.sealed").write_bytes(content[:-1] + bytes((content[-1] ^ 1,)))
    capsys.readouterr()
    assert main(["open", "m.onnx.sealed", "--key", "team.key", "-o", "back"]) == 2
    assert "m.onnx.sealed: chunk 0 of 1 was altered, moved or cut off" in capsys.readouterr().err
    assert not (here / "back").exists()


def test_for_nobody_and_for_a_signing_key(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["seal", "m.onnx"]) == 2
    assert "for whom?" in capsys.readouterr().err
    main(["key", "new", "signer"])
    assert main(["seal", "m.onnx", "--to", "signer.pub"]) == 2
    assert "--algorithm x25519" in capsys.readouterr().err
    assert not (here / "m.onnx.sealed").exists()


EVIL = b"(dS'epoch'\nI3\nsS'x'\ncposix\nsystem\n(S'touch ran\\x1b[31m'\ntRsS'w'\n"
ARRAY = (
    b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I2\ntcnumpy\ndtype\n(S'u1'\nI0\nI1\ntR"
    b"(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\nS'ab'\ntbs."
)


def test_convert_tells_what_it_left_and_did_not_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "m.pkl").write_bytes(EVIL + ARRAY)
    assert main(["convert", "m.pkl", "m.safetensors", "--report", "r.json"]) == 0
    out, err = capsys.readouterr()
    assert not (here / "ran").exists()
    assert "not run: posix.system" in err
    assert "\x1b" not in err
    assert "left out: epoch (int 3)" in err
    report = json.loads((here / "r.json").read_text())
    assert out.strip() == report["digest"]
    assert report["tensors"] == {"w": {"dtype": "U8", "shape": [2]}}
    assert [call["name"] for call in report["not_run"]] == ["posix.system"]
    assert (here / "m.safetensors").read_bytes().endswith(b"ab")
    assert main(["convert", "m.pkl", "m.safetensors"]) == 2


def test_convert_of_nothing_is_an_error(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "m.pkl").write_bytes(EVIL + b".")
    assert main(["convert", "m.pkl", "out"]) == 2
    assert "no tensor in it" in capsys.readouterr().err
    assert not (here / "out").exists()
