"""DSSE: a payload, its type and one signature over both (secure-systems-lab/dsse, protocol 1.0).

An envelope is one line of canonical JSON, so there is one way only to write it and no bit of it is idle.

>>> from hauberk.crypto import keys
>>> key = keys.generate()
>>> open(sign("text/plain", b"words", key), [key.public]).payload
b'words'

Differs from the specification: exactly one signature, its `keyid` is required, and only the standard
base64 alphabet is read. Envelopes written here verify with any DSSE library.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..core.canon import canonical, is_digest, parse_json
from ..core.errors import InputError, VerificationError
from .keys import PrivateKey, PublicKey

IN_TOTO = "application/vnd.in-toto+json"
"""The type of a payload that is an in-toto statement."""


@dataclass(frozen=True)
class Envelope:
    """An envelope that was read, and not yet verified."""

    payload_type: str
    payload: bytes
    key_id: str
    signature: bytes


@dataclass(frozen=True)
class Opened:
    """The very bytes that were signed, their type, and the id of the key that signed them."""

    payload_type: str
    payload: bytes
    signer: str


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding: what is signed.

    >>> pae("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload_type: str, payload: bytes, key: PrivateKey) -> bytes:
    """The envelope as bytes, ready for a file."""
    signature = key.sign(pae(payload_type, payload))
    return _write(Envelope(payload_type, payload, key.key_id, signature))


def open(envelope: bytes, keys: Iterable[PublicKey]) -> Opened:
    """Read the envelope and verify its signature with one of the trusted keys.

    Raises VerificationError: malformed, not-canonical, wrong-key, bad-signature.
    """
    return verify(read(envelope), keys)


def read(envelope: bytes) -> Envelope:
    """Parse an envelope strictly. Nothing in it is to be trusted yet.

    Raises VerificationError: malformed; not-canonical when these bytes are not the one way to write it.
    """
    try:
        found = _parse(envelope)
        written = _write(found)
    except (InputError, ValueError, binascii.Error) as error:
        raise VerificationError(f"envelope: {error}", reason="malformed") from error
    if written != envelope:
        raise VerificationError(
            "envelope: not written in canonical form",
            reason="not-canonical",
            hint="keep envelopes byte for byte; do not format them",
        )
    return found


def verify(envelope: Envelope, keys: Iterable[PublicKey]) -> Opened:
    """Check who signed an envelope. Raises VerificationError: wrong-key, bad-signature."""
    trusted = {key.key_id: key for key in keys}
    key = trusted.get(envelope.key_id)
    if key is None:
        given = ", ".join(trusted) or "none"
        raise VerificationError(
            f"signed by {envelope.key_id}, which is not a trusted key",
            reason="wrong-key",
            hint=f"give the public key of the signer; given: {given}",
        )
    key.verify(pae(envelope.payload_type, envelope.payload), envelope.signature)
    return Opened(envelope.payload_type, envelope.payload, key.key_id)


def _write(envelope: Envelope) -> bytes:
    signature = {"keyid": envelope.key_id, "sig": b64encode(envelope.signature).decode()}
    return canonical(
        {
            "payload": b64encode(envelope.payload).decode(),
            "payloadType": envelope.payload_type,
            "signatures": [signature],
        }
    )


def _parse(content: bytes) -> Envelope:
    plain = _object(parse_json(content, what="JSON"), {"payload", "payloadType", "signatures"})
    signatures = plain["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise ValueError("expected a list of exactly one signature")
    signature = _object(signatures[0], {"keyid", "sig"})
    key_id = _text(signature["keyid"])
    if not is_digest(key_id):
        raise ValueError("keyid is not sha256:<64 hex digits>")
    payload, sig = (b64decode(_text(field), validate=True) for field in (plain["payload"], signature["sig"]))
    return Envelope(_text(plain["payloadType"]), payload, key_id, sig)


def _object(plain: object, names: set[str]) -> Mapping[str, object]:
    if not isinstance(plain, dict) or set(plain) != names:
        raise ValueError("expected an object of exactly " + ", ".join(sorted(names)))
    return plain


def _text(plain: object) -> str:
    if not isinstance(plain, str):
        raise ValueError(f"expected a string, got {type(plain).__name__}")
    return plain
