"""Sigstore keyless, offline: against a Sigstore of our own, whose every part can lie.

Verified by the real `sigstore` library. Not tested: signing, which needs a network, and the public Sigstore's root.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

pytest.importorskip("sigstore", reason="the extra `sign` is not installed")

from hauberk.core.errors import InputError, VerificationError
from hauberk.crypto.keyless import by_identity
from hauberk.crypto.trust import Trust
from sigstore_world import NOW, World

WORLD = World()
PAYLOAD = b'{"_type":"https://in-toto.io/Statement/v1"}'


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("root") / "root.json"
    path.write_text(WORLD.trusted_root())
    return path


def refused(root: Path, content: bytes, identity: str = WORLD.identity, issuer: str = WORLD.issuer) -> str:
    with pytest.raises(VerificationError) as caught:
        by_identity(identity, issuer, root)(content)
    assert caught.value.reason in ("keyless", "malformed")
    return str(caught.value)


def test_signed_by_that_name(root: Path) -> None:
    signed = Trust(identity=WORLD.identity, issuer=WORLD.issuer, trust_root=root).verify(WORLD.bundle(PAYLOAD))
    assert (signed.payload, signed.signer, WORLD.issuer in signed.how) == (PAYLOAD, WORLD.identity, True)


def test_signed_by_another_name_or_vouched_for_by_another(root: Path) -> None:
    assert "SANs" in refused(root, WORLD.bundle(PAYLOAD), identity="other@example.org")
    refused(root, WORLD.bundle(PAYLOAD), issuer="https://elsewhere.example.org")


def test_another_sigstore(root: Path) -> None:
    for part in ("authority", "certificate_log", "entry_log"):
        parts = {name: getattr(WORLD, name) for name in ("authority", "certificate_log", "entry_log") if name != part}
        refused(root, World(**parts).bundle(PAYLOAD))


def test_signed_before_or_after_the_certificate(root: Path) -> None:
    for minutes in (-5, 15):
        refused(root, WORLD.bundle(PAYLOAD, at=NOW + timedelta(minutes=minutes)))


def test_the_log_saw_something_else(root: Path) -> None:
    assert "payload hash" in refused(root, WORLD.bundle(PAYLOAD, logged=b"{}"))


def test_another_kind_of_payload(root: Path) -> None:
    with pytest.raises(VerificationError, match="text/plain"):
        by_identity(WORLD.identity, WORLD.issuer, root)(WORLD.bundle(PAYLOAD, kind="text/plain"))


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b"[" * 100_000, b'{"mediaType":1}'], ids=range(6))
def test_bytes_that_are_no_bundle(root: Path, content: bytes) -> None:
    refused(root, content)


def test_the_same_key_twice(root: Path) -> None:
    content = WORLD.bundle(PAYLOAD)
    refused(root, content.replace(b'"payload":', b'"payload": "e30=", "payload":', 1))


def test_flipped_bits_are_refused_or_change_nothing(root: Path) -> None:
    """Sigstore's bundles have idle parts (spaces, unknown fields); what is signed never changes."""
    random, content, verify = Random(0), WORLD.bundle(PAYLOAD), by_identity(WORLD.identity, WORLD.issuer, root)
    refusals = 0
    for _ in range(300):
        changed = bytearray(content)
        changed[random.randrange(len(content))] ^= 1 << random.randrange(8)
        try:
            assert verify(bytes(changed)).payload == PAYLOAD
        except VerificationError:
            refusals += 1
    assert refusals > 270


def test_a_log_entry_less_or_more(root: Path) -> None:
    plain = json.loads(WORLD.bundle(PAYLOAD))
    entries = plain["verificationMaterial"]["tlogEntries"]
    for listed in ([], entries * 2):
        plain["verificationMaterial"]["tlogEntries"] = listed
        refused(root, json.dumps(plain).encode())
    plain["verificationMaterial"]["tlogEntries"] = entries
    del entries[0]["inclusionPromise"]
    refused(root, json.dumps(plain).encode())


def test_a_root_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("{}")
    for name in ("bad", "absent"):
        with pytest.raises(InputError, match="no trusted root"):
            by_identity("a", "b", tmp_path / name)


def test_a_model_end_to_end(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from hauberk.artifact.sign import claim_of, recipe, write_statement
    from hauberk.cli.main import main

    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "w").write_bytes(b"x")
    (tmp_path / "m.sig").write_bytes(WORLD.bundle(write_statement(claim_of(tmp_path / "m", recipe()))))
    command = ["verify", str(tmp_path / "m"), "--identity", WORLD.identity, "--issuer", WORLD.issuer,
               "--trust-root", str(root)]  # fmt: skip
    assert main(command) == 0
    assert f"is what {WORLD.identity} signed, by Sigstore" in capsys.readouterr().out
    (tmp_path / "m" / "w").write_bytes(b"y")
    assert main(command) == 1


def test_model_signing_verifies_the_same_bundle(tmp_path: Path) -> None:
    peer = pytest.importorskip("model_signing")
    from hauberk.artifact.sign import claim_of, recipe, write_statement

    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "w").write_bytes(b"x")
    (tmp_path / "m.sig").write_bytes(WORLD.bundle(write_statement(claim_of(tmp_path / "m", recipe()))))
    valid = {"start": "2020-01-01T00:00:00Z"}
    log = {"url": "https://log.example.org", "majorApiVersion": 1, "validFor": valid, "operator": "test"}
    signing = {
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json", "caUrls": [], "oidcUrls": [],
        "rekorTlogUrls": [log], "rekorTlogConfig": {"selector": "ANY"}, "tsaUrls": [], "tsaConfig": {"selector": "ANY"},
    }  # fmt: skip
    (tmp_path / "trust.json").write_text(json.dumps({
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": json.loads(WORLD.trusted_root()), "signingConfig": signing,
    }))  # fmt: skip
    config = peer.verifying.Config().use_sigstore_verifier(
        identity=WORLD.identity, oidc_issuer=WORLD.issuer, trust_config=tmp_path / "trust.json"
    )
    config.verify(tmp_path / "m", tmp_path / "m.sig")
    (tmp_path / "m" / "w").write_bytes(b"y")
    with pytest.raises(ValueError, match="mismatch"):
        config.verify(tmp_path / "m", tmp_path / "m.sig")
