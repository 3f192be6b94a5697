"""Canonical JSON against the vectors of RFC 8785, and parsing that lets nothing slip."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk.core.canon import canonical, digest, is_digest, parse_json
from hauberk.core.errors import InputError

# RFC 8785, appendix B: IEEE 754 bits and the text of the number.
NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=5)
    | st.dictionaries(st.text(st.characters(exclude_categories=("Cs",))), inner, max_size=5),
    max_leaves=20,
)


@pytest.mark.parametrize(("bits", "text"), NUMBERS.items())
def test_numbers_as_published(bits: str, text: str) -> None:
    value = struct.unpack(">d", bytes.fromhex(bits))[0]
    assert canonical(value).decode() == text
    assert canonical(parse_json(text.encode(), what="x")).decode() == text


def test_keys_are_sorted_as_published() -> None:
    """RFC 8785, section 3.2.3: by UTF-16 code units, so that U+1F600 comes before U+FB33."""
    keys = ["€", "\r", "\ufb33", "1", "\U0001f600", "\x80", "ö"]
    written = json.loads(canonical(dict.fromkeys(keys)), object_pairs_hook=lambda pairs: [k for k, _ in pairs])
    assert written == ["\r", "1", "\x80", "ö", "€", "\U0001f600", "\ufb33"]


def test_strings_as_published() -> None:
    """RFC 8785, section 3.2.2.2."""
    assert canonical("€$\x0f\nA'B\"\\\\\"/") == b'"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'


@given(JSON)
def test_one_value_has_one_form_and_comes_back(value: Any) -> None:
    written = canonical(value)
    again = parse_json(written, what="x")
    assert canonical(again) == written
    assert again == json.loads(json.dumps(value), parse_int=lambda d: float(d) if abs(int(d)) >= 2**53 else int(d))


@given(st.dictionaries(st.text("abc", max_size=3), st.integers(0, 9), min_size=2))
def test_the_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    assert canonical(dict(reversed(value.items()))) == canonical(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2**53, -(2**53), "\ud800", {"\udfff": 1}, b"x"])
def test_what_json_cannot_carry_is_refused(value: Any) -> None:
    for nested in (value, [value], {"a": value}):
        with pytest.raises(InputError, match="no canonical JSON"):
            canonical(nested)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[1,]", b"{'a':1}", b"01", b"NaN", b"Infinity", b"-Infinity", b"[NaN]", b"1 2", b"\xff",
        b"\xef\xbb\xbf1", b'{"a":1,"a":1}', b'[{"b":{"a":1,"a":2}}]',
        b"[" * 100_000, b"1" * 5000, b'"\x01"', b"\xed\xa0\x80",
    ],
)  # fmt: skip
def test_what_is_not_strict_json_is_refused(content: bytes) -> None:
    with pytest.raises(InputError, match="recipe: not valid JSON"):
        parse_json(content, what="recipe")


def test_large_integers_are_read_as_every_other_reader_reads_them() -> None:
    for text, value in (("9007199254740991", 2**53 - 1), ("-9007199254740991", -(2**53) + 1)):
        assert type(parse_json(text.encode(), what="x")) is int
        assert parse_json(text.encode(), what="x") == value
    assert type(parse_json(b"9007199254740992", what="x")) is float
    assert canonical(parse_json(b"9007199254740993", what="x")) == b"9007199254740992"


def test_digests() -> None:
    assert digest(b"abc") == "sha256:" + hashlib.sha256(b"abc").hexdigest()
    assert is_digest(digest(b""))
    for other in ("", "sha256:", digest(b"")[:-1], digest(b"") + "\n", digest(b"").upper(), "md5:" + "0" * 64):
        assert not is_digest(other)
