"""Frames survive any cutting, refuse what is not JSON, and do not grow without bound."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hauberk.core.errors import HauberkError, InputError, LimitExceeded, VerificationError
from hauberk.core.ports import Job, silent
from hauberk.run.call import MAX_WORDS, call, plain_error, revive
from hauberk.run.frames import FrameReader, frame
from hauberk.run.inline import Inline

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None, derandomize=True)
@given(values=st.lists(VALUES, max_size=5), cuts=st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_frames_survive_any_cutting(values: list[Any], cuts: list[int]) -> None:
    wire, reader, got, at = b"".join(map(frame, values)), FrameReader(), [], 0
    while at < len(wire):
        size = cuts[at % len(cuts)]
        got += list(reader.feed(wire[at : at + size]))
        at += size
    assert got == json.loads(json.dumps(values))
    assert reader.waiting == 0


def test_a_frame_that_announces_too_much_is_refused_before_it_comes() -> None:
    with pytest.raises(LimitExceeded, match="announces 101 bytes, at most 100"):
        list(FrameReader(max_bytes=100).feed(struct.pack(">I", 101)))
    assert list(FrameReader(max_bytes=100).feed(struct.pack(">I", 100))) == []


@pytest.mark.parametrize("body", [b"{", b"\xff", b"NaN", b'{"a":1,"a":2}', b""])
def test_a_frame_that_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(InputError):
        list(FrameReader().feed(struct.pack(">I", len(body)) + body))


@pytest.mark.parametrize("value", [float("inf"), 2**60, "\ud800"])
def test_what_json_cannot_carry_is_refused(value: Any) -> None:
    with pytest.raises(InputError):
        frame(value)


@pytest.mark.parametrize("kind", HauberkError.__subclasses__())
def test_every_error_survives_the_way(kind: type[HauberkError]) -> None:
    reason = {"reason": "expired"} if kind is VerificationError else {}
    error = kind("x: broken", hint="mend it", **reason)  # type: ignore[arg-type]
    error.add_note("seen at dawn")
    back = revive(json.loads(json.dumps(plain_error(error))))
    assert type(back) is kind
    assert (str(back), back.hint, back.__notes__) == ("x: broken", "mend it", ["seen at dawn"])
    assert getattr(back, "reason", "expired") == "expired"


def test_an_error_of_an_impossible_type_is_still_an_error() -> None:
    plain = plain_error(InputError("x")) | {"type": "need"}
    assert type(revive(plain)) is HauberkError


def test_an_error_says_at_most_so_much_and_only_what_json_carries() -> None:
    plain = plain_error(InputError("\ud800" + "x" * 100_000))
    assert frame(plain)
    assert len(str(plain["message"])) <= MAX_WORDS + 10


def test_a_result_is_the_same_here_as_from_a_worker() -> None:
    assert call("hauberk.run.inline:echo", {"a": (1, 2.0), "b": {"c": None}}, silent) == b'{"a":[1,2],"b":{"c":null}}'


def test_ctrl_c_passes_through_inline(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(job: Job, done: int, total: int, note: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(Inline().run([Job("a", "hauberk.run.inline:echo", {})], interrupt))
