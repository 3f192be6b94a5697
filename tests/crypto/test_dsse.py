"""DSSE: the published vector, one way to write an envelope, and every other way refused."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from hauberk.core.canon import canonical
from hauberk.core.errors import VerificationError
from hauberk.crypto import dsse
from hauberk.crypto.keys import P256_ORDER, PrivateKey, PublicKey


@pytest.fixture
def plain(key: PrivateKey) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(dsse.sign("text/plain", b"hello", key))
    return found


def refused(envelope: bytes, key: PrivateKey) -> str:
    with pytest.raises(VerificationError) as caught:
        dsse.open(envelope, [key.public])
    return caught.value.reason


def test_published_vector() -> None:
    """The test vector of DSSE's protocol.md: ECDSA P-256, r and s side by side."""
    x = 46950820868899156662930047687818585632848591499744589407958293238635476079160
    y = 5640078356564379163099075877009565129882514886557779369047442380624545832820
    raw = b64decode("A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==")
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    key = PublicKey(ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key())
    message = dsse.pae("http://example.com/HelloWorld", b"hello world")
    assert message == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    key.verify(message, encode_dss_signature(r, min(s, P256_ORDER - s)))


def test_lengths_count_bytes_not_letters() -> None:
    assert dsse.pae("é", b"\xc3\xa9") == b"DSSEv1 2 \xc3\xa9 2 \xc3\xa9"


@pytest.mark.parametrize("payload", [b"", b"\0", b"x" * 100_000, bytes(range(256))])
def test_round_trip(key: PrivateKey, stranger: PrivateKey, payload: bytes) -> None:
    envelope = dsse.sign("text/plain", payload, key)
    opened = dsse.open(envelope, iter([stranger.public, key.public]))
    assert opened == dsse.Opened("text/plain", payload, key.key_id)


def test_the_type_is_signed_too(key: PrivateKey, plain: dict[str, Any]) -> None:
    plain["payloadType"] = "text/html"
    assert refused(canonical(plain), key) == "bad-signature"


def test_another_signer(key: PrivateKey, stranger: PrivateKey) -> None:
    envelope = dsse.sign("text/plain", b"hello", stranger)
    assert refused(envelope, key) == "wrong-key"
    with pytest.raises(VerificationError, match="not a trusted key"):
        dsse.open(envelope, [])


def test_a_stranger_under_our_name(key: PrivateKey, stranger: PrivateKey, plain: dict[str, Any]) -> None:
    signature = stranger.sign(dsse.pae("text/plain", b"hello"))
    plain["signatures"] = [{"keyid": key.key_id, "sig": b64encode(signature).decode()}]
    assert refused(canonical(plain), key) == "bad-signature"


def test_forms_that_are_not_the_one_form(key: PrivateKey, plain: dict[str, Any]) -> None:
    envelope = canonical(plain)
    for other in (
        json.dumps(plain).encode(),
        envelope + b"\n",
        b" " + envelope,
        json.dumps(dict(reversed(plain.items())), separators=(",", ":")).encode(),
        envelope.replace(b"text/plain", b"text\\/plain"),
        envelope.replace(b"text", b"\\u0074ext"),
    ):
        assert json.loads(other) == plain
        assert refused(other, key) == "not-canonical"


def test_idle_bits_of_base64(key: PrivateKey, plain: dict[str, Any]) -> None:
    """'aGVsbG8=' and 'aGVsbG9=' decode to the same five bytes."""
    assert plain["payload"] == "aGVsbG8="
    assert b64decode("aGVsbG9=") == b64decode("aGVsbG8=")
    plain["payload"] = "aGVsbG9="
    assert refused(canonical(plain), key) == "not-canonical"


def test_other_alphabets_of_base64(key: PrivateKey) -> None:
    plain = json.loads(dsse.sign("text/plain", b"\xfb\xff\xfe", key))
    assert plain["payload"] == "+//+"
    for other in ("-__-", "+//+\n", "+/ /+", "+//+====", "+//"):
        assert refused(canonical(plain | {"payload": other}), key) in {"malformed", "not-canonical"}


def test_changes_that_break_the_form(key: PrivateKey, plain: dict[str, Any]) -> None:
    signature = plain["signatures"][0]
    changes: list[dict[str, Any]] = [
        {"signatures": []},
        {"signatures": [signature, signature]},
        {"signatures": signature},
        {"signatures": [signature | {"cert": ""}]},
        {"signatures": [{"sig": signature["sig"]}]},
        {"signatures": [signature | {"keyid": signature["keyid"].upper()}]},
        {"signatures": [signature | {"keyid": ""}]},
        {"signatures": [signature | {"sig": None}]},
        {"payload": 7},
        {"payload": "é"},
        {"payloadType": None},
        {"extra": 1},
    ]
    for change in changes:
        assert refused(canonical(plain | change), key) == "malformed", change


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"payload":1e999}', b'{"a":1,"a":1}', b"NaN"],
)
def test_not_an_envelope(key: PrivateKey, content: bytes) -> None:
    assert refused(content, key) == "malformed"


def test_a_key_twice_in_one_object(key: PrivateKey, plain: dict[str, Any]) -> None:
    envelope = canonical(plain)
    assert refused(envelope[:-1] + b',"payloadType":"text/plain"}', key) == "malformed"


def test_a_lone_surrogate(key: PrivateKey, plain: dict[str, Any]) -> None:
    envelope = canonical(plain).replace(b"text/plain", b"\\ud800")
    assert refused(envelope, key) == "malformed"
