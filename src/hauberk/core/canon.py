"""Canonical JSON (RFC 8785) and digests: the one way in which Hauberk names things.

A noun becomes plain JSON, plain JSON becomes canonical bytes, bytes become `sha256:<hex>`.

>>> canonical({"b": 1.0, "a": "é"})
b'{"a":"\\xc3\\xa9","b":1}'
>>> digest(b"")
'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

import rfc8785

from .errors import InputError

Scalar = str | int | float | bool | None
Json = Scalar | Sequence["Json"] | Mapping[str, "Json"]

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def canonical(value: Json) -> bytes:
    """The RFC 8785 bytes of a JSON value.

    Raises InputError for what JSON cannot carry exactly: NaN, infinities, integers beyond 2**53,
    lone surrogates.
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise InputError(f"value has no canonical JSON: {error}") from error


def digest(content: bytes) -> str:
    """`sha256:<hex>` of some bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def is_digest(text: str) -> bool:
    """Whether `text` has the form of a digest: `sha256:` and 64 lower-case hex digits."""
    return _DIGEST.fullmatch(text) is not None


def parse_json(content: bytes, *, what: str) -> Json:
    """Parse JSON strictly: UTF-8, no duplicate keys, no NaN. Raises InputError that names `what`.

    Integers beyond 2**53 become floats, as RFC 8785 reads every number.
    """
    try:
        value: Json = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_int=_number,
        )
    except (ValueError, RecursionError) as error:
        raise InputError(f"{what}: not valid JSON: {error}") from error
    return value


def _no_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    seen = dict(pairs)
    if len(seen) != len(pairs):
        raise ValueError("an object has the same key twice")
    return seen


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) < 16 or abs(int(digits)) < 2**53 else float(digits)
