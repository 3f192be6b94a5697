"""Signing keys: Ed25519 (RFC 8032), or ECDSA where a device or another tool asks for it.

ECDSA takes the hash that Sigstore pairs with the curve: P-256 with SHA-256, P-384 with SHA-384, P-521 with SHA-512.

Files are PEM: private keys PKCS#8 (encrypted when a passphrase is given), public keys SubjectPublicKeyInfo.

>>> key = generate()
>>> key.public.verify(b"words", key.sign(b"words"))
>>> key.public.verify(b"other words", key.sign(b"words"))
Traceback (most recent call last):
    ...
hauberk.core.errors.VerificationError: the signature does not fit what was signed
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from ..core.canon import digest
from ..core.errors import InputError, UnsupportedError, VerificationError

MAX_KEY_BYTES = 1 << 16
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # these three: SEC 2, n
P384_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973
P521_ORDER = (((1 << 265) - 6) << 256) + 0x51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409


class Algorithm(StrEnum):
    """How a key signs."""

    ED25519 = "ed25519"
    ECDSA_P256 = "ecdsa-p256"
    ECDSA_P384 = "ecdsa-p384"
    ECDSA_P521 = "ecdsa-p521"


@dataclass(frozen=True)
class _Curve:
    algorithm: Algorithm
    order: int
    scheme: ec.ECDSA
    make: type[ec.EllipticCurve]


CURVES = {
    "secp256r1": _Curve(Algorithm.ECDSA_P256, P256_ORDER, ec.ECDSA(hashes.SHA256()), ec.SECP256R1),
    "secp384r1": _Curve(Algorithm.ECDSA_P384, P384_ORDER, ec.ECDSA(hashes.SHA384()), ec.SECP384R1),
    "secp521r1": _Curve(Algorithm.ECDSA_P521, P521_ORDER, ec.ECDSA(hashes.SHA512()), ec.SECP521R1),
}
"""What goes with a curve, by the name that `cryptography` gives it."""


@dataclass(frozen=True)
class PublicKey:
    """A key that verifies. Two are equal when their `key_id` is."""

    _key: Ed25519PublicKey | ec.EllipticCurvePublicKey = field(repr=False, compare=False)
    key_id: str = field(init=False)

    def __post_init__(self) -> None:
        spki = self._key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        object.__setattr__(self, "key_id", digest(spki))

    @classmethod
    def load(cls, path: Path | str) -> PublicKey:
        """Read a PEM file. Raises InputError when it is not exactly one public key."""
        return cls.from_pem(read_key_file(Path(path)), what=str(path))

    @classmethod
    def from_pem(cls, pem: bytes, *, what: str = "public key") -> PublicKey:
        """Parse PEM strictly: nothing before, after or inside that the key does not need, so no bit is idle.

        Raises InputError, or UnsupportedError for another kind of key.
        """
        if b"PRIVATE KEY-----" in pem:
            raise InputError(f"{what}: this is a private key", hint="give the public key, and keep this one secret")
        try:
            found = serialization.load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise InputError(f"{what}: not a public key in PEM: {error}", hint="hauberk key show KEY") from error
        key = cls.of(found, what=what)
        if key.pem != pem.replace(b"\r\n", b"\n"):
            raise InputError(
                f"{what}: holds a public key, but not in the one form that it is written in",
                hint="get the key again from its owner: this file was altered",
            )
        return key

    @classmethod
    def of(cls, key: object, *, what: str = "public key") -> PublicKey:
        """A key of the library, of a kind that Hauberk knows. Raises UnsupportedError."""
        _algorithm(key, what)
        return cls(cast("Ed25519PublicKey | ec.EllipticCurvePublicKey", key))

    @property
    def algorithm(self) -> Algorithm:
        """How this key verifies."""
        return _algorithm(self._key, "public key")

    @property
    def pem(self) -> bytes:
        """The key as a PEM file."""
        return self._key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def save(self, path: Path | str) -> None:
        """Write a new PEM file. Raises InputError when there is a file already."""
        write_key_file(Path(path), self.pem, mode=0o644)

    @property
    def hint(self) -> str:
        """How a Sigstore bundle of the OpenSSF `model_signing` names this key: the SHA-256 of its PEM text."""
        return digest(self.pem).removeprefix("sha256:")

    def verify(self, message: bytes, signature: bytes, *, either_s: bool = False) -> None:
        """Return when the signature is this key's over the message.

        ECDSA signatures must be in strict DER with the smaller s (BIP 62), as `sign` writes them:
        otherwise anyone could make a second valid signature from a first. either_s: take the larger s as well, which
        half of the signatures of other tools have.
        Raises VerificationError (bad-signature).
        """
        try:
            if isinstance(self._key, Ed25519PublicKey):
                self._key.verify(signature, message)
            else:
                curve = CURVES[self._key.curve.name]
                _check_form(signature, curve.order - 1 if either_s else curve.order // 2)
                self._key.verify(signature, message, curve.scheme)
        except (InvalidSignature, ValueError) as error:
            raise VerificationError(
                "the signature does not fit what was signed", reason="bad-signature"
            ) from error


@dataclass(frozen=True, eq=False)
class PrivateKey:
    """A key that signs. Neither its repr nor an error shows it."""

    _key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def load(cls, path: Path | str, passphrase: bytes | None = None) -> PrivateKey:
        """Read a PKCS#8 PEM file. A passphrase for a key that is not encrypted is not used.

        Raises InputError when it cannot be read, is encrypted and no passphrase is given, or it is wrong.
        """
        return cls.from_pem(read_key_file(Path(path)), passphrase, what=str(path))

    @classmethod
    def from_pem(cls, pem: bytes, passphrase: bytes | None = None, *, what: str = "private key") -> PrivateKey:
        """Parse PKCS#8 PEM; errors as `load`."""
        encrypted = b"ENCRYPTED" in pem
        if encrypted and not passphrase:
            raise InputError(f"{what}: is encrypted", hint="give its passphrase in HAUBERK_KEY_PASSPHRASE")
        try:
            found = serialization.load_pem_private_key(pem, passphrase if encrypted else None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            why = "wrong passphrase, or damaged" if encrypted else "not a private key in PEM"
            raise InputError(f"{what}: {why}", hint="hauberk key new makes one") from error
        _algorithm(found, what)
        return cls(cast("Ed25519PrivateKey | ec.EllipticCurvePrivateKey", found))

    @cached_property
    def public(self) -> PublicKey:
        """The key that verifies what this one signs."""
        return PublicKey(self._key.public_key())

    @property
    def key_id(self) -> str:
        """`sha256:` of the public key's SubjectPublicKeyInfo in DER."""
        return self.public.key_id

    @property
    def algorithm(self) -> Algorithm:
        """How this key signs."""
        return _algorithm(self._key, "private key")

    def save(self, path: Path | str, passphrase: bytes | None = None) -> None:
        """Write a new PKCS#8 PEM file that only its owner may read; encrypted when a passphrase is given.

        The encryption is PBES2 with AES-256, whose key derivation is quick: the passphrase must be long.
        Raises InputError when there is a file already (a key is never written over) or it cannot be written.
        """
        if passphrase is not None and not passphrase:
            raise InputError("the passphrase is empty", hint="give a longer one, or none at all")
        locked: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase is not None:
            locked = serialization.BestAvailableEncryption(passphrase)
        pem = self._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
        write_key_file(Path(path), pem, mode=0o600)

    def sign(self, message: bytes) -> bytes:
        """The signature: 64 bytes for Ed25519, strict DER with the smaller s for ECDSA."""
        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(message)
        curve = CURVES[self._key.curve.name]
        r, s = decode_dss_signature(self._key.sign(message, curve.scheme))
        return encode_dss_signature(r, min(s, curve.order - s))


def generate(algorithm: Algorithm | str = Algorithm.ED25519) -> PrivateKey:
    """A new key from the system's randomness. Raises InputError for an unknown algorithm."""
    if algorithm not in list(Algorithm):
        raise InputError(f"unknown key algorithm {algorithm!r}", hint="known: " + ", ".join(Algorithm))
    if algorithm == Algorithm.ED25519:
        return PrivateKey(Ed25519PrivateKey.generate())
    curve = next(curve for curve in CURVES.values() if curve.algorithm == algorithm)
    return PrivateKey(ec.generate_private_key(curve.make()))


def _algorithm(key: object, what: str) -> Algorithm:
    if isinstance(key, Ed25519PublicKey | Ed25519PrivateKey):
        return Algorithm.ED25519
    if isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey) and key.curve.name in CURVES:
        return CURVES[key.curve.name].algorithm
    raise UnsupportedError(f"{what}: expected a key for Ed25519 or ECDSA over P-256, P-384 or P-521",
                           hint="hauberk key new")  # fmt: skip


def _check_form(signature: bytes, largest_s: int) -> None:
    """Raise ValueError unless this is the only form in which this ECDSA signature may be written."""
    r, s = decode_dss_signature(signature)
    if s > largest_s or encode_dss_signature(r, s) != signature:
        raise ValueError("not in strict DER with the smaller s")


def read_key_file(path: Path) -> bytes:
    """The bytes of a key's file. Raises InputError when it cannot be read or is too large for one."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_KEY_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot read the key: {error.strerror}") from error
    if len(content) > MAX_KEY_BYTES:
        raise InputError(f"{path}: larger than {MAX_KEY_BYTES} bytes, so not a key")
    return content


def write_key_file(path: Path, content: bytes, *, mode: int) -> None:
    """A new file, synced. Raises InputError when there is one already, or it cannot be written."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise InputError(f"{path}: exists already", hint="choose another name: a key is never lost") from error
    except OSError as error:
        raise InputError(f"{path}: cannot write the key: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot write the key: {error.strerror}") from error
