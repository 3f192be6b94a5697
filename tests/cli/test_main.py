"""The front: help with examples, speed at the start, keys, errors that tell the next step."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hauberk.cli.main import COMMANDS


def test_alone_it_shows_the_commands_and_first_steps(cli: Any) -> None:
    for arguments in ((), ("--help",)):
        result = cli(*arguments)
        assert result.code == 0
        assert all(name in result.out for name in COMMANDS)
        assert "hauberk audit model.onnx --data test.npz" in result.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_a_worked_example(cli: Any, name: str) -> None:
    result = cli(name, "--help")
    assert result.code == 0
    assert "example" in result.out
    assert f"hauberk {name}" in result.out.partition("example")[2]


def test_an_unknown_command_names_the_known_ones(cli: Any) -> None:
    result = cli("adit")
    assert result.code == 2
    assert "audit" in result.err


@pytest.mark.parametrize("statement", ["import hauberk", "import hauberk.cli.main; hauberk.cli.main.overview()"])
def test_the_start_loads_no_framework(statement: str) -> None:
    code = f"{statement}\nimport sys\nprint(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    for heavy in ("numpy", "torch", "sklearn", "polars", "onnxruntime", "sqlalchemy", "rich", "cryptography"):
        assert f"'{heavy}'" not in loaded


def test_keys_are_made_shown_and_never_overwritten(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = cli("key", "new", "team")
    assert made.code == 0
    assert Path("team.key").stat().st_mode & 0o777 == 0o600
    assert cli("key", "show", "team.pub").out.startswith(made.out.strip())
    assert cli("key", "show", "team.key").out.startswith(made.out.strip())
    again = cli("key", "new", "team")
    assert (again.code, "never overwritten" in again.err) == (2, True)
    assert cli("key", "show", "none.pub").code == 2
    monkeypatch.setenv("HAUBERK_KEY_PASSPHRASE", "correct horse battery staple")
    assert cli("key", "new", "safe", "--encrypt", "--algorithm", "ecdsa-p256").code == 0
    assert "ecdsa-p256, private" in cli("key", "show", "safe.key").out
    monkeypatch.setenv("HAUBERK_KEY_PASSPHRASE", "wrong")
    wrong = cli("key", "show", "safe.key")
    assert (wrong.code, "passphrase" in wrong.err) == (2, True)


def test_hostile_names_do_not_reach_the_terminal(cli: Any) -> None:
    result = cli("scan", "\x1b[2J\u202e.onnx")
    assert result.code == 2
    assert "\x1b" not in result.err
    assert "\u202e" not in result.err


def test_a_key_in_the_working_directory_is_not_trusted(cli: Any, shelf: Path) -> None:
    """A stranger's checkout brings a dossier and, where ours used to lie, the key that signed it."""
    audit = ("audit", shelf / "linear.onnx", "--only", "artifact.digest,artifact.scan", "--jobs", "0")
    assert cli("key", "new", "stranger").code == 0
    assert cli(*audit, "--data", shelf / "test.npz", "--key", "stranger.key").code == 0
    Path(".hauberk").mkdir()
    Path("stranger.pub").rename(".hauberk/key.pub")
    assert cli("verify", "dossier").code == 2
    assert cli("gate", "dossier").code == 2
    assert cli("verify", "dossier", "--key", ".hauberk/key.pub").code == 0


def test_verify_without_a_key_says_which_to_give(cli: Any) -> None:
    result = cli("verify", "dossier")
    assert (result.code, "--key" in result.err) == (2, True)


def test_the_shipped_policy_can_be_read(cli: Any) -> None:
    result = cli("gate", "--show-policy")
    assert (result.code, "permit" in result.out) == (0, True)


def test_checks_are_listed_with_their_options(cli: Any) -> None:
    result = cli("checks")
    assert result.code == 0
    assert "attack.evasion" in result.out
    assert "norms" in result.out


def test_json_on_a_terminal_hides_nothing(tmp_path: Path) -> None:
    """A pipe gets the exact bytes; a terminal gets escapes for what steers it."""
    import pty

    name = "a\u202eb.onnx"
    (tmp_path / name).write_bytes(bytes(range(1, 256)))
    command = [sys.executable, "-m", "hauberk.cli.main", "scan", name, "--format", "json"]
    piped = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).stdout.decode()
    assert "\u202e" in piped
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, cwd=tmp_path, stdout=theirs, stderr=subprocess.DEVNULL) as process:
        os.close(theirs)
        shown = b""
        while piece := read_or_nothing(ours):
            shown += piece
        assert process.wait() == 2
    os.close(ours)
    assert "\u202e".encode() not in shown
    assert b"\\u202e" in shown


def read_or_nothing(terminal: int) -> bytes:
    """What a terminal shows next; nothing once the other side has closed."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
