"""`hauberk sign` and `hauberk verify`: what they say, what they write, how they end."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from certificates import authority
from hauberk.core.ports import silent
from hauberk.crypto.keys import PrivateKey


@pytest.fixture
def team(cli: Any) -> Any:
    """`cli` in a folder with team.key, team.pub and a model `m` of two files."""
    assert cli("key", "new", "team", "--algorithm", "ecdsa-p256").code == 0
    Path("m").mkdir()
    Path("m/weights.bin").write_bytes(b"0123456789")
    Path("m/config.json").write_text("{}")
    return cli


def test_sign_then_verify(team: Any) -> None:
    signed = team("sign", "m", "--key", "team.key")
    assert signed.code == 0
    assert signed.out.startswith("signed: m, 2 files, with ecdsa-p256 sha256:")
    assert signed.out.endswith("\nm.sig\n")
    verified = team("verify", "m", "--key", "team.pub")
    assert verified.code == 0
    assert verified.out.startswith("verified: m is what sha256:")
    assert "by key (ecdsa-p256): 2 files, 12 bytes" in verified.out


def test_every_change_is_named_and_ends_with_1(team: Any) -> None:
    team("sign", "m", "--key", "team.key")
    Path("m/weights.bin").write_bytes(b"x" * 4321)
    Path("m/hook.py").write_text("import os")
    Path("m/config.json").unlink()
    result = team("verify", "m", "--key", "team.pub")
    assert result.code == 1
    first, *rows = result.out.splitlines()
    assert first.startswith("broken: m is not what sha256:")
    assert [row.split()[:2] for row in rows] == [
        ["changed", "weights.bin"], ["added", "hook.py"], ["removed", "config.json"],
    ]  # fmt: skip
    assert "4,321 bytes" in rows[0]


def test_a_signature_that_does_not_hold_ends_with_1(team: Any) -> None:
    team("sign", "m", "--key", "team.key")
    team("key", "new", "other", "--algorithm", "ecdsa-p256")
    stranger = team("verify", "m", "--key", "other.pub")
    assert (stranger.code, "not a trusted one" in stranger.out) == (1, True)
    content = Path("m.sig").read_bytes()
    Path("m.sig").write_bytes(content.replace(b'"sig":"ME', b'"sig":"MF'))
    assert team("verify", "m", "--key", "team.pub").code == 1
    Path("m.sig").write_bytes(b"{}")
    assert team("verify", "m", "--key", "team.pub").code == 1


def test_what_cannot_be_looked_at_ends_with_2(team: Any) -> None:
    for arguments in (("m", "--key", "team.pub"), ("absent", "--key", "team.pub"), ("m", "--key", "absent.pub"),
                      ("m", "--certificate", "team.pub"), ("m", "--key", "team.pub", "--signature", "absent"),
                      ("m", "--identity", "a@b"), ("m",), ("m", "--key", "team.pub", "--at", "noon")):  # fmt: skip
        result = team("verify", *arguments)
        assert result.code == 2, arguments
        assert result.err.startswith("hauberk: "), arguments
    for arguments in (("absent", "--key", "team.key"), ("m", "--key", "team.pub"),
                      ("m", "--key", "team.key", "-o", "no/x"), ("m", "--key", "team.key", "--ignore", "absent"),
                      ("m", "--key", "team.key", "--certificate", "team.pub")):  # fmt: skip
        assert team("sign", *arguments).code == 2, arguments
    assert not list(Path().glob("**/*.part"))


def test_a_signature_is_never_written_over_something_else(team: Any) -> None:
    before = Path("m/weights.bin").read_bytes()
    result = team("sign", "m", "--key", "team.key", "-o", "m/weights.bin")
    assert (result.code, "is no signature" in result.err) == (2, True)
    assert Path("m/weights.bin").read_bytes() == before
    assert team("sign", "m", "--key", "team.key").code == team("sign", "m", "--key", "team.key").code == 0


def test_a_signature_inside_its_model(team: Any) -> None:
    assert team("sign", "m", "--key", "team.key", "-o", "m/model.sig").code == 0
    assert team("verify", "m", "--key", "team.pub").code == 0
    assert team("sign", "m", "--key", "team.key", "-o", "m/model.sig").code == 0
    assert team("verify", "m", "--key", "team.pub", "--strict").code == 0


def test_what_is_left_out_is_told_by_both(team: Any) -> None:
    Path("m/.git").mkdir()
    Path("m/.git/HEAD").write_text("x")
    Path("m/a.log").write_text("x")
    signed = team("sign", "m", "--key", "team.key", "--ignore", "*.log")
    assert "left out, so not protected: .git, a.log" in signed.err
    verified = team("verify", "m", "--key", "team.pub")
    assert (verified.code, "not covered by the signature: .git, a.log" in verified.out) == (0, True)
    strict = team("verify", "m", "--key", "team.pub", "--strict")
    assert (strict.code, "did not sign" in strict.out) == (1, True)
    Path("m/config.json").write_text("[]")
    assert team("verify", "m", "--key", "team.pub").code == 1
    assert team("verify", "m", "--key", "team.pub", "--ignore", "config.json").code == 0


def test_the_own_key_is_the_default(team: Any) -> None:
    assert team("sign", "m").code == 0
    result = team("verify", "m")
    assert (result.code, "ed25519" in result.out) == (0, True)


def test_certificates(team: Any) -> None:
    trusted, listed = authority(Path(), PrivateKey.load("team.key"))
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    chained = [x509.load_der_x509_certificate(c).public_bytes(Encoding.PEM) for c in listed]
    Path("chain.pem").write_bytes(b"".join(chained))
    assert team("sign", "m", "--key", "team.key", "--certificate", "chain.pem").code == 0
    result = team("verify", "m", "--certificate", trusted)
    assert (result.code, "is what signer@example.org signed, by certificate" in result.out) == (0, True)
    assert team("verify", "m", "--certificate", trusted, "--identity", "signer@example.org").code == 0
    assert team("verify", "m", "--certificate", trusted, "--identity", "boss@example.org").code == 1
    late = team("verify", "m", "--certificate", trusted, "--at", "2050-01-01")
    assert (late.code, "valid from" in late.out) == (1, True)
    assert team("verify", "m", "--certificate", trusted, "--at", "2030-01-01T12:00:00+02:00").code == 0


@pytest.mark.parametrize("form", ["json", "sarif", "md", "junit", "html"])
def test_every_format_tells_it(team: Any, form: str) -> None:
    team("sign", "m", "--key", "team.key")
    assert team("verify", "m", "--key", "team.pub", "--format", form).code == 0
    Path("m/hook.py").write_text("x")
    result = team("verify", "m", "--key", "team.pub", "--format", form)
    assert (result.code, "hook.py" in result.out) == (1, True)
    if form in ("json", "sarif"):
        assert json.loads(result.out)
    assert team("verify", "m", "--key", "team.pub", "--format", form, "-o", "out").code == 1
    assert "hook.py" in Path("out").read_text()


def test_hostile_names_are_made_visible(team: Any) -> None:
    team("sign", "m", "--key", "team.key")
    Path("m/\x1b[2J\u202e.py").write_text("x")
    result = team("verify", "m", "--key", "team.pub")
    assert result.code == 1
    assert "\x1b" not in result.out
    assert "\u202e" not in result.out
    (Path(os.fsencode("m").decode()) / os.fsdecode(b"\xff")).write_text("x")
    assert team("verify", "m", "--key", "team.pub").code == 2


def test_a_folder_that_poses_as_a_dossier_is_none(team: Any) -> None:
    for name in ("manifest.json", "dossier.json", "report.json"):
        Path("m", name).write_text("{}")
    team("sign", "m", "--key", "team.key")
    assert team("verify", "m", "--key", "team.pub").code == 0
    assert team("verify", "m", "--key", "team.pub", "--signature", "m.sig").code == 0
    Path("m.sig").unlink()
    assert team("verify", "m", "--key", "team.pub").code == 2  # taken for a dossier, and refused as one


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_is_told_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from hauberk.cli import hashed

    assert hashed.told() is silent
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(hashed, "monotonic", iter([0.0, 0.5, 2.0, 2.1, 2.5, 3.0]).__next__)
    tell = hashed.told()
    for done in (0, 1, 2, 3, 4):
        tell(done * 10**9, 4 * 10**9, "")
    shown = sys.stderr.getvalue().split("\r\x1b[K")  # type: ignore[attr-defined]
    assert shown == ["", "hashing 1.0 of 4.0 GB", "hashing 3.0 of 4.0 GB", ""]


def test_nothing_heavy_is_loaded(team: Any) -> None:
    code = (
        "import sys\nfrom hauberk.cli.main import main\n"
        "assert main(['sign', 'm', '--key', 'team.key']) == 0\nassert main(['verify', 'm', '--key', 'team.pub']) == 0\n"
        "print(sorted(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    for heavy in ("numpy", "pydantic", "google", "sigstore", "cryptography.x509", "hauberk.audit"):
        assert f"'{heavy}'" not in loaded
