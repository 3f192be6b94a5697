"""The form of a sealed file, version 1: what stands before the chunks, and how each chunk is keyed.

Byte by byte in docs/reference/sealed.md. There is one way only to write a header; unknown versions, recipients and
fields are refused, never passed over.

>>> from hauberk.crypto.sealkeys import generate
>>> from hauberk.crypto.recipients import wrap
>>> header = Header(bytes(32), (wrap(bytes(32), generate().public),))
>>> parse(header.plain)[0] == header
True
"""

from __future__ import annotations

import binascii
import hmac
import struct
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..core.canon import Json, canonical, is_digest, parse_json
from ..core.errors import InputError, VerificationError
from .recipients import COSTS, KEY_BYTES, PASSPHRASE, SALT_BYTES, TAG_BYTES, WRAPPED_BYTES, Cost, Recipient

MAGIC = b"\x89HBSEAL\n"
"""Not text, and damaged by whatever would convert its line ends."""
VERSION = 1
PRELUDE = struct.Struct(">8sHI")
MAX_HEADER = 1 << 16
MAX_RECIPIENTS = 64
MAC_BYTES, HEADER_SALT_BYTES = 32, 32
CHUNK = 1 << 20
SEALED_CHUNK = CHUNK + TAG_BYTES
CIPHER = "AES-256-GCM"


@dataclass(frozen=True)
class Header:
    """What a sealed file says in the clear. salt: fresh for every file. subject: the model's digest, where bound."""

    salt: bytes
    recipients: tuple[Recipient, ...]
    subject: str = ""

    def __post_init__(self) -> None:
        if len(self.salt) != HEADER_SALT_BYTES:
            raise InputError(f"salt has {len(self.salt)} bytes, expected {HEADER_SALT_BYTES}")
        if not 1 <= len(self.recipients) <= MAX_RECIPIENTS:
            raise InputError(f"{len(self.recipients)} recipients, allowed are 1 to {MAX_RECIPIENTS}")
        if len({r.key_id for r in self.recipients}) != len(self.recipients):
            raise InputError("two recipients are the same key, or two are passphrases")
        if self.subject and not is_digest(self.subject):
            raise InputError(f"subject {self.subject!r} is not sha256:<64 hex digits>")

    @cached_property
    def plain(self) -> bytes:
        """Prelude and JSON as they stand in the file; the MAC follows them."""
        content = canonical(_header_json(self))
        return PRELUDE.pack(MAGIC, VERSION, len(content)) + content

    def mac(self, data_key: bytes) -> bytes:
        """The header's MAC, which also commits to the data key: a file opens to one content for all recipients."""
        return hmac.digest(self._derived(data_key, b"header"), self.plain, "sha256")

    def check(self, data_key: bytes, mac: bytes) -> None:
        """Raise VerificationError (altered-header) unless this header was written by who made the data key."""
        if not hmac.compare_digest(self.mac(data_key), mac):
            hint = "get the file again from whoever sealed it"
            raise VerificationError("the header was altered", reason="altered-header", hint=hint)

    def content_key(self, data_key: bytes) -> bytes:
        """The AES key of the chunks."""
        return self._derived(data_key, b"content")

    def associated(self, mac: bytes) -> bytes:
        """What every chunk is bound to: the digest of all that stands before the first one."""
        return sha256(self.plain + mac).digest()

    def _derived(self, data_key: bytes, use: bytes) -> bytes:
        return HKDF(hashes.SHA256(), KEY_BYTES, self.salt, b"hauberk/seal/1 " + use).derive(data_key)


def nonce(index: int, final: bool) -> bytes:
    """The nonce of a chunk: its number, and whether it is the last (STREAM; Hoang et al. 2015, eprint 2015/189).

    >>> nonce(258, True).hex()
    '000000000000000000010201'
    """
    return index.to_bytes(11, "big") + bytes((final,))


def parse(content: bytes) -> tuple[Header, bytes]:
    """The header at the beginning of a sealed file, and what follows it in `content`.

    Nothing in it is to be trusted yet. Raises VerificationError: malformed, unknown-version, truncated.
    """
    if content[:8] != MAGIC:
        raise VerificationError("not a sealed file", reason="malformed", hint="hauberk seal makes one")
    if len(content) < PRELUDE.size:
        raise VerificationError("the header is cut off", reason="truncated")
    _, version, size = PRELUDE.unpack_from(content)
    if version != VERSION:
        hint = "pip install --upgrade hauberk"
        told = f"sealed in version {version}, this Hauberk knows version {VERSION}"
        raise VerificationError(told, reason="unknown-version", hint=hint)
    end = PRELUDE.size + size
    if size > MAX_HEADER:
        raise VerificationError(f"the header claims {size} bytes", reason="malformed")
    if end > len(content):
        raise VerificationError("the header is cut off", reason="truncated")
    try:
        header = _header(parse_json(content[PRELUDE.size : end], what="header"))
    except (InputError, ValueError, binascii.Error) as error:
        raise VerificationError(f"header: {error}", reason="malformed") from error
    if header.plain != content[:end]:
        raise VerificationError("header: not written in canonical form", reason="not-canonical")
    return header, content[end:]


def _header_json(header: Header) -> Json:
    plain: dict[str, Json] = {
        "chunk_bytes": CHUNK,
        "cipher": CIPHER,
        "recipients": [_recipient_json(r) for r in header.recipients],
        "salt": _text(header.salt),
    }
    return plain | ({"subject": header.subject} if header.subject else {})


def _recipient_json(recipient: Recipient) -> Json:
    plain: dict[str, Json] = {"kind": recipient.kind, "wrapped": _text(recipient.wrapped)}
    if recipient.cost is None:
        return plain | {"key": recipient.key_id}
    cost = recipient.cost
    return plain | {
        "iterations": cost.iterations, "lanes": cost.lanes, "memory_kib": cost.memory_kib, "salt": _text(recipient.salt)
    }  # fmt: skip


def _header(plain: Json) -> Header:
    known = {"chunk_bytes", "cipher", "recipients", "salt"}
    found = _object(plain, known | {"subject"} if isinstance(plain, dict) and "subject" in plain else known)
    if (found["cipher"], found["chunk_bytes"]) != (CIPHER, CHUNK):
        raise ValueError(f"cipher {found['cipher']!r} in chunks of {found['chunk_bytes']!r} bytes is not known")
    recipients, subject = found["recipients"], found.get("subject", "")
    if not isinstance(recipients, list) or not isinstance(subject, str):
        raise ValueError("recipients or subject of another type")
    return Header(_bytes(found["salt"]), tuple(_recipient(r) for r in recipients), subject)


def _recipient(plain: Json) -> Recipient:
    kind = plain.get("kind") if isinstance(plain, dict) else None
    if not isinstance(kind, str) or kind not in WRAPPED_BYTES:
        raise ValueError(f"a recipient of unknown kind {str(kind)[:40]!r}")
    by_phrase = kind == PASSPHRASE
    found = _object(plain, {"kind", "wrapped"} | ({*COSTS, "salt"} if by_phrase else {"key"}))
    wrapped, (least, most) = _bytes(found["wrapped"]), WRAPPED_BYTES[kind]
    if not least <= len(wrapped) <= most:
        raise ValueError(f"a wrapped key of {len(wrapped)} bytes for {kind}")
    if by_phrase:
        salt, cost = _bytes(found["salt"]), Cost(*(_whole(found[name]) for name in COSTS))
        if len(salt) != SALT_BYTES:
            raise ValueError(f"a salt of {len(salt)} bytes")
        return Recipient(kind, wrapped, salt=salt, cost=cost)
    key_id = found["key"]
    if not isinstance(key_id, str) or not is_digest(key_id):
        raise ValueError("key is not sha256:<64 hex digits>")
    return Recipient(kind, wrapped, key_id)


def _object(plain: Json, names: set[str]) -> Mapping[str, Json]:
    if not isinstance(plain, dict) or set(plain) != names:
        raise ValueError("expected an object of exactly " + ", ".join(sorted(names)))
    return plain


def _whole(plain: Json) -> int:
    if type(plain) is not int:
        raise ValueError(f"expected a whole number, got {type(plain).__name__}")
    return plain


def _bytes(plain: Json) -> bytes:
    if not isinstance(plain, str):
        raise ValueError(f"expected base64, got {type(plain).__name__}")
    return b64decode(plain, validate=True)


def _text(content: bytes) -> str:
    return b64encode(content).decode("ascii")
