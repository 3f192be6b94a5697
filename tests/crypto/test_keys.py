"""Keys: what is written can be read by openssl's rules only, once, by its owner; signatures have one form."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from hauberk.core.canon import digest
from hauberk.core.errors import InputError, UnsupportedError, VerificationError
from hauberk.crypto.keys import CURVES, PrivateKey, PublicKey, generate


def test_a_private_key_survives_its_file(key: PrivateKey, tmp_path: Path) -> None:
    key.save(tmp_path / "k.pem")
    again = PrivateKey.load(tmp_path / "k.pem")
    assert (again.key_id, again.algorithm) == (key.key_id, key.algorithm)
    key.public.verify(b"m", again.sign(b"m"))


def test_a_private_key_file_is_for_its_owner_and_is_not_written_over(key: PrivateKey, tmp_path: Path) -> None:
    path = tmp_path / "k.pem"
    key.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(InputError, match="exists already"):
        generate().save(path)
    with pytest.raises(InputError, match="exists already"):
        key.public.save(path)
    assert path.read_bytes() == before


def test_a_key_is_not_written_through_a_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "k.pem").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="exists already"):
        generate().save(tmp_path / "k.pem")
    assert not (tmp_path / "elsewhere").exists()


def test_a_passphrase_locks_the_file(key: PrivateKey, tmp_path: Path) -> None:
    path = tmp_path / "k.pem"
    key.save(path, b"correct horse")
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in path.read_bytes()
    assert PrivateKey.load(path, b"correct horse").key_id == key.key_id
    with pytest.raises(InputError, match="is encrypted") as caught:
        PrivateKey.load(path)
    assert "HAUBERK_KEY_PASSPHRASE" in caught.value.hint
    with pytest.raises(InputError, match="wrong passphrase") as caught:
        PrivateKey.load(path, b"wrong")
    assert "correct" not in str(caught.value)


def test_a_passphrase_for_an_open_key_is_not_used_and_an_empty_one_refused(key: PrivateKey, tmp_path: Path) -> None:
    key.save(tmp_path / "k.pem")
    assert PrivateKey.load(tmp_path / "k.pem", b"unused").key_id == key.key_id
    with pytest.raises(InputError, match="passphrase is empty"):
        key.save(tmp_path / "other.pem", b"")


def test_key_id_is_the_digest_of_the_spki(key: PrivateKey, tmp_path: Path) -> None:
    key.public.save(tmp_path / "k.pub")
    loaded = serialization.load_pem_public_key((tmp_path / "k.pub").read_bytes())
    der = loaded.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert PublicKey.load(tmp_path / "k.pub").key_id == key.key_id == digest(der)
    assert PublicKey.load(tmp_path / "k.pub") == key.public != generate().public


def test_published_ed25519_vector() -> None:
    """RFC 8032, section 7.1, test 2."""
    secret = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    key = PrivateKey(Ed25519PrivateKey.from_private_bytes(secret))
    assert key.sign(b"\x72").hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )


def test_a_repr_does_not_show_the_key(key: PrivateKey) -> None:
    assert repr(key) == "PrivateKey()"


@pytest.mark.parametrize("name", list(CURVES))
def test_ecdsa_signatures_have_one_form(name: str) -> None:
    curve = CURVES[name]
    library = ec.generate_private_key(curve.make())
    key = PrivateKey(library)
    for message in (bytes([i]) for i in range(20)):
        r, s = decode_dss_signature(key.sign(message))
        assert s <= curve.order // 2
        twin = encode_dss_signature(r, curve.order - s)
        library.public_key().verify(twin, message, curve.scheme)  # mathematically, it is valid
        with pytest.raises(VerificationError):
            key.public.verify(message, twin)
        key.public.verify(message, twin, either_s=True)
        with pytest.raises(VerificationError):
            key.public.verify(message, encode_dss_signature(r, s + curve.order), either_s=True)


def test_every_flipped_bit_of_a_signature_is_refused(key: PrivateKey) -> None:
    signature = key.sign(b"message")
    for bit in range(8 * len(signature)):
        flipped = bytearray(signature)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(VerificationError) as caught:
            key.public.verify(b"message", bytes(flipped))
        assert caught.value.reason == "bad-signature"
    for other in (b"", signature[:-1], signature + b"\0"):
        with pytest.raises(VerificationError):
            key.public.verify(b"message", other)


def test_every_flipped_bit_of_a_public_key_is_another_key_or_refused(key: PrivateKey, tmp_path: Path) -> None:
    pem, path = key.public.pem, tmp_path / "k.pub"
    for bit in range(8 * len(pem)):
        flipped = bytearray(pem)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            found = PublicKey.load(path)
        except InputError:
            continue
        assert found.key_id != key.key_id


def test_windows_line_ends_are_the_same_key(key: PrivateKey) -> None:
    assert PublicKey.from_pem(key.public.pem.replace(b"\n", b"\r\n")) == key.public


@pytest.mark.parametrize("padding", [b"\n", b" ", b"# comment\n"])
def test_a_public_key_file_holds_nothing_else(key: PrivateKey, padding: bytes) -> None:
    for pem in (key.public.pem + padding, padding + key.public.pem):
        with pytest.raises(InputError):
            PublicKey.from_pem(pem)


def test_other_kinds_of_key_are_unsupported(tmp_path: Path) -> None:
    for other in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256K1())):
        private = other.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = other.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        with pytest.raises(UnsupportedError, match="Ed25519 or ECDSA"):
            PrivateKey.from_pem(private)
        with pytest.raises(UnsupportedError, match="Ed25519 or ECDSA"):
            PublicKey.from_pem(public)


def test_files_that_are_no_keys(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"-" * 70_000)
    (tmp_path / "text").write_text("hello")
    generate().save(tmp_path / "private.pem")
    for name, message in (("big", "larger than"), ("text", "not a public key"), ("absent", "cannot read the key"),
                          ("private.pem", "this is a private key")):  # fmt: skip
        with pytest.raises(InputError, match=message):
            PublicKey.load(tmp_path / name)
    with pytest.raises(InputError, match="not a private key"):
        PrivateKey.load(tmp_path / "text")
    with pytest.raises(InputError, match="cannot write"):
        generate().save(tmp_path / "no" / "such" / "folder")
    with pytest.raises(InputError, match="unknown key algorithm"):
        generate("rsa")


def test_a_full_disk_leaves_no_half_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left"):
        generate().save(tmp_path / "k.pem")
    assert not (tmp_path / "k.pem").exists()
