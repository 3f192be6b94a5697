"""Keys that seal and open: X25519 (RFC 7748), or RSA of 3072 bits and more where a device or a KMS asks for it.

A `SealingKey` is public and goes to whoever seals for you; an `OpeningKey` is private. Files are PEM, as of signing
keys. A key that signs never seals, and the other way round: another algorithm, another file.

>>> key = generate()
>>> key.public.algorithm.value
'x25519'
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from ..core.canon import digest
from ..core.errors import InputError, UnsupportedError
from .keys import read_key_file, write_key_file

MIN_RSA_BITS, MAX_RSA_BITS, RSA_EXPONENT = 3072, 8192, 65537
"""NIST SP 800-57: 3072 bits are as strong as AES-128. Above 8192 a stranger's key would only cost us time."""
MAKE = "hauberk key new NAME --algorithm x25519"

Public = X25519PublicKey | RSAPublicKey
Private = X25519PrivateKey | RSAPrivateKey


class Algorithm(StrEnum):
    """How a key opens."""

    X25519 = "x25519"
    RSA_3072 = "rsa-3072"


@dataclass(frozen=True)
class SealingKey:
    """A public key to seal for. Two are equal when their `key_id` is."""

    key: Public = field(repr=False, compare=False)
    key_id: str = field(init=False)

    def __post_init__(self) -> None:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        spki = self.key.public_bytes(serialization.Encoding.DER, form)
        object.__setattr__(self, "key_id", digest(spki))

    @classmethod
    def load(cls, path: Path | str) -> SealingKey:
        """Read a PEM file. Raises InputError when it is not exactly one public key that can seal."""
        return cls.from_pem(read_key_file(Path(path)), what=str(path))

    @classmethod
    def from_pem(cls, pem: bytes, *, what: str = "public key") -> SealingKey:
        """Parse PEM strictly, as signing keys are. Raises InputError; UnsupportedError for another kind of key."""
        if b"PRIVATE KEY-----" in pem:
            raise InputError(f"{what}: this is a private key", hint="give the public key, and keep this one secret")
        try:
            found = serialization.load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise InputError(f"{what}: not a public key in PEM: {error}", hint=MAKE) from error
        _algorithm(found, what)
        key = cls(cast(Public, found))
        if key.pem != pem.replace(b"\r\n", b"\n"):
            hint = "get the key again from its owner: this file was altered"
            raise InputError(f"{what}: holds a public key, but not in the one form that it is written in", hint=hint)
        return key

    @property
    def algorithm(self) -> Algorithm:
        """How the other half of this key opens."""
        return _algorithm(self.key, "public key")

    @property
    def pem(self) -> bytes:
        """The key as a PEM file."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_bytes(serialization.Encoding.PEM, form)

    def save(self, path: Path | str) -> None:
        """Write a new PEM file. Raises InputError when there is a file already."""
        write_key_file(Path(path), self.pem, mode=0o644)


@dataclass(frozen=True, eq=False)
class OpeningKey:
    """A private key that opens. Neither its repr nor an error shows it."""

    key: Private = field(repr=False)

    @classmethod
    def load(cls, path: Path | str, passphrase: bytes | None = None) -> OpeningKey:
        """Read a PKCS#8 PEM file. Raises InputError when it cannot be read, or the passphrase is missing or wrong."""
        return cls.from_pem(read_key_file(Path(path)), passphrase, what=str(path))

    @classmethod
    def from_pem(cls, pem: bytes, passphrase: bytes | None = None, *, what: str = "private key") -> OpeningKey:
        """Parse PKCS#8 PEM; errors as `load`."""
        encrypted = b"ENCRYPTED" in pem
        if encrypted and not passphrase:
            raise InputError(f"{what}: is encrypted", hint="give its passphrase in HAUBERK_KEY_PASSPHRASE")
        try:
            found = serialization.load_pem_private_key(pem, passphrase if encrypted else None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            why = "wrong passphrase, or damaged" if encrypted else "not a private key in PEM"
            raise InputError(f"{what}: {why}", hint=MAKE) from error
        _algorithm(found, what)
        return cls(cast(Private, found))

    @cached_property
    def public(self) -> SealingKey:
        """The key to seal for this one."""
        return SealingKey(self.key.public_key())

    @property
    def algorithm(self) -> Algorithm:
        """How this key opens."""
        return _algorithm(self.key, "private key")

    def save(self, path: Path | str, passphrase: bytes | None = None) -> None:
        """Write a new PKCS#8 PEM file that only its owner may read; encrypted when a passphrase is given.

        Raises InputError when there is a file already, or the passphrase is empty.
        """
        if passphrase is not None and not passphrase:
            raise InputError("the passphrase is empty", hint="give a longer one, or none at all")
        locked: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase is not None:
            locked = serialization.BestAvailableEncryption(passphrase)
        pem = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
        write_key_file(Path(path), pem, mode=0o600)


def generate(algorithm: Algorithm | str = Algorithm.X25519) -> OpeningKey:
    """A new key from the system's randomness. Raises InputError for an unknown algorithm."""
    if algorithm not in list(Algorithm):
        raise InputError(f"unknown key algorithm {algorithm!r}", hint="known: " + ", ".join(Algorithm))
    if algorithm == Algorithm.X25519:
        return OpeningKey(X25519PrivateKey.generate())
    return OpeningKey(generate_private_key(RSA_EXPONENT, MIN_RSA_BITS))


def _algorithm(key: object, what: str) -> Algorithm:
    if isinstance(key, X25519PublicKey | X25519PrivateKey):
        return Algorithm.X25519
    if not isinstance(key, RSAPublicKey | RSAPrivateKey):
        raise UnsupportedError(f"{what}: expected a key for X25519 or RSA; this one cannot seal", hint=MAKE)
    public = key if isinstance(key, RSAPublicKey) else key.public_key()
    if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS or public.public_numbers().e != RSA_EXPONENT:
        expected = f"{MIN_RSA_BITS} to {MAX_RSA_BITS} bits and the exponent {RSA_EXPONENT}"
        raise UnsupportedError(f"{what}: an RSA key of {key.key_size} bits, expected {expected}", hint=MAKE)
    return Algorithm.RSA_3072
