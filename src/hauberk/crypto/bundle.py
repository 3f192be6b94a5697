"""Sigstore bundles v0.3: a statement in a DSSE envelope, and the name of the key, or the certificates, behind it.

They are written as the OpenSSF `model_signing` 1.1 writes them, to the byte, so that each reads the other's. What is
read is written again and compared: there is one way to write a bundle, and no bit of the file is idle.

>>> from hauberk.crypto import keys
>>> key = keys.generate("ecdsa-p256")
>>> verify(read(sign(b"{}", key)), [key.public]).payload
b'{}'

Source of the format: sigstore/protobuf-specs, `sigstore_bundle.proto`; `model_signing/_signing/sign_sigstore_pb.py`.
Differs: exactly one signature, the key is always named, nothing optional is left out. Bundles of Sigstore keyless
signing hold log entries as well: `crypto.keyless` reads those.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..core.canon import parse_json
from ..core.errors import InputError, VerificationError
from .dsse import IN_TOTO, pae
from .keys import PrivateKey, PublicKey

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MAX_BYTES = 1 << 26
"""A statement about a hundred thousand files is some 20 MB, and base64 adds a third."""
MAX_VALUES = 500
"""A bundle has some ten values; the proof of a log entry some forty more."""
MAX_CERTIFICATES = 8
"""Real chains have two to four."""
REWRITTEN = "keep signature files byte for byte; do not format them"
AGAIN = "sign the model again with hauberk or model_signing 1.1"


@dataclass(frozen=True)
class Bundle:
    """A bundle that was read, and not yet verified.

    hint: SHA-256 of the signer's public key in PEM, in hex; or else certificates: DER, the signer's first.
    """

    payload: bytes
    signature: bytes
    hint: str = ""
    certificates: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Signed:
    """The very bytes that were signed, by whom, and how that is known."""

    payload: bytes
    signer: str
    how: str


def sign(payload: bytes, key: PrivateKey, certificates: tuple[bytes, ...] = ()) -> bytes:
    """Sign an in-toto statement. certificates: DER, of `key` first, then what leads to a root, without the root."""
    hint = "" if certificates else key.public.hint
    return write(Bundle(payload, key.sign(pae(IN_TOTO, payload)), hint, certificates))


def verify(bundle: Bundle, keys: Iterable[PublicKey]) -> Signed:
    """The payload, once one of the trusted keys is seen to have signed it.

    Raises VerificationError: wrong-key, bad-signature.
    """
    trusted = {key.hint: key for key in keys}
    if bundle.certificates:
        raise VerificationError(
            "signed with a certificate, not with a key alone", reason="wrong-key", hint="give --certificate ROOT.pem"
        )
    key = trusted.get(bundle.hint)
    if key is None:
        given = ", ".join(trusted) or "none"
        raise VerificationError(
            f"signed by the key {bundle.hint}, which is not a trusted one",
            reason="wrong-key",
            hint=f"give the public key of the signer with --key; given: {given} (SHA-256 of the PEM text)",
        )
    key.verify(pae(IN_TOTO, bundle.payload), bundle.signature, either_s=True)
    return Signed(bundle.payload, key.key_id, f"key ({key.algorithm})")


def read(content: bytes) -> Bundle:
    """Parse a bundle strictly. Nothing in it is to be trusted yet.

    Raises VerificationError: malformed; not-canonical when these bytes are not the one way to write it; keyless.
    """
    try:
        found = _bundle(parsed(content))
    except (InputError, ValueError, binascii.Error) as error:
        raise VerificationError(f"signature file: {error}", reason="malformed", hint=AGAIN) from error
    if write(found) != content:
        raise VerificationError(
            "signature file: not written in the one form of a bundle", reason="not-canonical", hint=REWRITTEN
        )
    return found


def is_bundle(content: bytes) -> bool:
    """Whether this looks like a Sigstore bundle of any kind or version."""
    try:
        return bool(parsed(content))
    except (InputError, ValueError):
        return False


def write(bundle: Bundle) -> bytes:
    """The one way to write a bundle."""
    material: dict[str, object] = (
        {"x509CertificateChain": {"certificates": [{"rawBytes": _base64(c)} for c in bundle.certificates]}}
        if bundle.certificates
        else {"publicKey": {"hint": bundle.hint}}
    )
    plain = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {**material, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": _base64(bundle.payload),
            "payloadType": IN_TOTO,
            "signatures": [{"sig": _base64(bundle.signature), "keyid": ""}],
        },
    }
    return json.dumps(plain, separators=(",", ":")).encode()


def parsed(content: bytes) -> Mapping[str, object]:
    """The JSON of a bundle of any kind. Raises InputError or ValueError.

    Base64 has no comma and no bracket, so a bundle of any size is few values: counting them first keeps a hostile file
    from becoming millions of objects in memory.
    """
    if len(content) > MAX_BYTES:
        raise ValueError(f"{len(content)} bytes, a bundle has at most {MAX_BYTES}")
    if sum(content.count(mark) for mark in (b",", b"{", b"[")) > MAX_VALUES:
        raise ValueError(f"more than {MAX_VALUES} values in it")
    plain = parse_json(content, what="JSON")
    if not isinstance(plain, dict) or not str(plain.get("mediaType")).startswith("application/vnd.dev.sigstore.bundle"):
        raise ValueError("not a Sigstore bundle")
    return plain


def _bundle(plain: Mapping[str, object]) -> Bundle:
    if plain["mediaType"] != MEDIA_TYPE:
        raise ValueError(f"it is a {plain['mediaType']}, expected {MEDIA_TYPE}")
    _only(plain, "mediaType", "verificationMaterial", "dsseEnvelope")
    envelope = _only(plain["dsseEnvelope"], "payload", "payloadType", "signatures")
    if envelope["payloadType"] != IN_TOTO:
        raise ValueError(f"the payload is {envelope['payloadType']!r}, expected {IN_TOTO!r}")
    signature = _only(_one(envelope["signatures"], "signature"), "sig", "keyid")
    hint, certificates = _material(plain["verificationMaterial"])
    return Bundle(_bytes(envelope["payload"]), _bytes(signature["sig"]), hint, certificates)


def _material(plain: object) -> tuple[str, tuple[bytes, ...]]:
    if isinstance(plain, dict) and "certificate" in plain:
        raise VerificationError(
            "signed by Sigstore keyless signing",
            reason="keyless",
            hint="give --identity NAME --issuer URL: who signed, and who vouches for that name",
        )
    if isinstance(plain, dict) and "publicKey" in plain:
        material = _only(plain, "publicKey", "tlogEntries")
        hint = _text(_only(material["publicKey"], "hint")["hint"])
        if len(hint) != 64:
            raise ValueError("the key's hint is not a SHA-256 in hex")
        return hint, ()
    chain = _only(_only(plain, "x509CertificateChain", "tlogEntries")["x509CertificateChain"], "certificates")
    listed = chain["certificates"]
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_CERTIFICATES:
        raise ValueError(f"expected 1 to {MAX_CERTIFICATES} certificates")
    return "", tuple(_bytes(_only(item, "rawBytes")["rawBytes"]) for item in listed)


def _only(plain: object, *names: str) -> Mapping[str, object]:
    if not isinstance(plain, dict) or set(plain) != set(names):
        raise ValueError("expected an object of exactly " + ", ".join(names))
    return plain


def _one(plain: object, what: str) -> object:
    if not isinstance(plain, list) or len(plain) != 1:
        raise ValueError(f"expected a list of exactly one {what}")
    return plain[0]


def _text(plain: object) -> str:
    if not isinstance(plain, str):
        raise ValueError(f"expected a string, got {type(plain).__name__}")
    return plain


def _bytes(plain: object) -> bytes:
    return b64decode(_text(plain), validate=True)


def _base64(content: bytes) -> str:
    return b64encode(content).decode()
