"""Who may open a sealed file: its data key, wrapped once for each key and at most once by a passphrase.

- X25519: HPKE base mode (RFC 9180), DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
- RSA: OAEP with SHA-256 and MGF1 of it (RFC 8017).
- A passphrase: Argon2id (RFC 9106), then AES-256-GCM. Its cost is named in the file and bounded *before* it is paid,
  so that a hostile file can demand neither 64 GiB nor an hour.

>>> from hauberk.crypto.sealkeys import generate
>>> key = generate()
>>> unwrap(wrap(bytes(32), key.public), key) == bytes(32)
True
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from ..core.errors import InputError, UnsupportedError, VerificationError
from .sealkeys import MAX_RSA_BITS, MIN_RSA_BITS, OpeningKey, SealingKey

KEY_BYTES, TAG_BYTES, SALT_BYTES = 32, 16, 16
PURPOSE = b"hauberk/seal/1 data key"
ONE_USE = bytes(12)
"""A nonce may be constant where a key is used once: each key here is derived with a fresh salt."""

HPKE, RSA, PASSPHRASE = "hpke-x25519-hkdf-sha256-aes-256-gcm", "rsa-oaep-sha256", "argon2id-aes-256-gcm"
WRAPPED_BYTES = {
    HPKE: (32 + KEY_BYTES + TAG_BYTES,) * 2,
    RSA: (MIN_RSA_BITS // 8, MAX_RSA_BITS // 8),
    PASSPHRASE: (KEY_BYTES + TAG_BYTES,) * 2,
}
"""Least and most bytes of a wrapped data key."""


@dataclass(frozen=True)
class Cost:
    """What Argon2id takes. Defaults: the second recommendation of RFC 9106, for machines that do other work too."""

    memory_kib: int = 64 << 10
    iterations: int = 3
    lanes: int = 4

    def __post_init__(self) -> None:
        costs = (self.memory_kib, self.iterations, self.lanes)
        for what, least, got, most in zip(COSTS, MIN_COST, costs, MAX_COST, strict=True):
            if type(got) is not int or not least <= got <= most:
                raise InputError(f"argon2id: {what} is {got}, allowed are {least} to {most}")


COSTS, MIN_COST, MAX_COST = ("memory_kib", "iterations", "lanes"), (19 << 10, 1, 1), (1 << 20, 10, 16)
"""From the least that OWASP recommends to 1 GiB: a few seconds on any machine that can hold it."""


@dataclass(frozen=True)
class Passphrase:
    """A passphrase, as bytes. Never shown."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not self.secret:
            raise InputError("the passphrase is empty", hint="give several words")


@dataclass(frozen=True)
class Recipient:
    """One way to the data key. key_id: of whose key; '' for a passphrase. salt, cost: of a passphrase."""

    kind: str
    wrapped: bytes
    key_id: str = ""
    salt: bytes = b""
    cost: Cost | None = None


def wrap(data_key: bytes, to: SealingKey | Passphrase, cost: Cost | None = None) -> Recipient:
    """Wrap a data key for a public key or a passphrase. cost: of the passphrase's derivation."""
    if isinstance(to, Passphrase):
        salt, cost = os.urandom(SALT_BYTES), cost or Cost()
        wrapped = AESGCM(_derived(to, salt, cost)).encrypt(ONE_USE, data_key, PURPOSE)
        return Recipient(PASSPHRASE, wrapped, salt=salt, cost=cost)
    if isinstance(to.key, RSAPublicKey):
        return Recipient(RSA, to.key.encrypt(data_key, _oaep()), to.key_id)
    return Recipient(HPKE, _suite().encrypt(data_key, to.key, PURPOSE), to.key_id)


def unwrap(recipient: Recipient, key: OpeningKey | Passphrase) -> bytes:
    """The data key, for the key or passphrase that this recipient names. Costs what its `cost` says.

    Raises VerificationError (wrong-key) when it does not open.
    """
    try:
        found = _unwrapped(recipient, key)
    except (InvalidTag, ValueError) as error:
        what = "the passphrase" if isinstance(key, Passphrase) else f"the key {key.public.key_id}"
        hint = "try again" if isinstance(key, Passphrase) else "the file's list of recipients was altered"
        raise VerificationError(f"{what} does not open this file", reason="wrong-key", hint=hint) from error
    if len(found) != KEY_BYTES:
        raise VerificationError(f"the data key has {len(found)} bytes, expected {KEY_BYTES}", reason="malformed")
    return found


def fits(recipient: Recipient, key: OpeningKey | Passphrase) -> bool:
    """Whether a recipient is this key, or any passphrase."""
    if isinstance(key, Passphrase):
        return recipient.kind == PASSPHRASE
    return recipient.kind == _kind(key) and recipient.key_id == key.public.key_id


def _unwrapped(recipient: Recipient, key: OpeningKey | Passphrase) -> bytes:
    if isinstance(key, Passphrase):
        assert recipient.cost is not None
        return AESGCM(_derived(key, recipient.salt, recipient.cost)).decrypt(ONE_USE, recipient.wrapped, PURPOSE)
    if isinstance(key.key, RSAPrivateKey):
        return key.key.decrypt(recipient.wrapped, _oaep())
    return _suite().decrypt(recipient.wrapped, key.key, PURPOSE)


def _kind(key: OpeningKey) -> str:
    return RSA if isinstance(key.key, RSAPrivateKey) else HPKE


def _derived(passphrase: Passphrase, salt: bytes, cost: Cost) -> bytes:
    try:
        kdf = Argon2id(
            salt=salt, length=KEY_BYTES, iterations=cost.iterations, lanes=cost.lanes, memory_cost=cost.memory_kib
        )
    except UnsupportedAlgorithm as error:
        hint = "pip install --upgrade cryptography"
        raise UnsupportedError("this build of cryptography has no Argon2id", hint=hint) from error
    return kdf.derive(passphrase.secret)


def _oaep() -> OAEP:
    return OAEP(MGF1(hashes.SHA256()), hashes.SHA256(), PURPOSE)


def _suite() -> Suite:
    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
