"""Arrow arrays in pickles, and partials: what honest models write passes, and every length that lies is told."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from hauberk.artifact.scan import Scanned, scan
from hauberk.core.nouns import Verdict

Scan = Callable[[bytes], Scanned]
ORDERLY = struct.pack("<4q", 0, 1, 1, 4)
"""Offsets of "a", nothing, and "ccc"."""


@pytest.fixture
def scanned(tmp_path: Path) -> Scan:
    def run(program: bytes) -> Scanned:
        (tmp_path / "m.pkl").write_bytes(b"\x80\x04" + program + b".")
        return scan(tmp_path / "m.pkl")

    return run


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def name(dotted: str) -> bytes:
    module, _, last = dotted.rpartition(".")
    return text(module) + text(last) + b"\x93"


def call(dotted: str, *arguments: bytes) -> bytes:
    return name(dotted) + b"(" + b"".join(arguments) + b"tR"


def number(value: int) -> bytes:
    return b"\x8a\x08" + struct.pack("<q", value)


def raw(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def buffer(value: bytes) -> bytes:
    return call("pyarrow.lib.py_buffer", call("builtins.bytearray", *([raw(value)] if value else [])))


def array(kind: bytes, length: int, nulls: int, offset: int, *buffers: bytes, inner: bytes = b"]N") -> bytes:
    parts = kind + number(length) + number(nulls) + number(offset) + b"](" + b"".join(buffers) + b"e" + inner
    return call("pyarrow.lib._restore_array", b"(" + parts + b"t")


def alias(kind: str) -> bytes:
    return call("pyarrow.lib.type_for_alias", text(kind))


BIT = buffer(b"\x05")
HONEST = {
    "text": array(alias("large_string"), 3, 1, 0, BIT, buffer(ORDERLY), buffer(b"accc")),
    "text without missing": array(alias("string"), 1, 0, 0, b"N", buffer(struct.pack("<2i", 0, 1)), buffer(b"a")),
    "a slice": array(alias("large_string"), 2, 0, 1, b"N", buffer(ORDERLY), buffer(b"accc")),
    "numbers": array(alias("int64"), 2, 0, 0, b"N", buffer(bytes(16))),
    "truths": array(alias("bool"), 9, 9, 0, buffer(bytes(2)), buffer(bytes(2))),
    "moments": array(call("pyarrow.lib.timestamp", text("ns"), text("UTC")), 2, 0, 0, b"N", buffer(bytes(16))),
    "no text": array(alias("large_string"), 0, 0, 0, b"N", buffer(bytes(8)), buffer(b"")),
    "nothing": array(alias("null"), 3, 3, 0, b"N"),
}
LYING = {
    "longer than its numbers": array(alias("int64"), 3, 0, 0, b"N", buffer(bytes(16))),
    "offset past its numbers": array(alias("int64"), 2, 0, 1, b"N", buffer(bytes(16))),
    "no numbers": array(alias("int64"), 1, 0, 0, b"N", b"N"),
    "longer than its truths": array(alias("bool"), 17, 0, 0, b"N", buffer(bytes(2))),
    "missing values of no bits": array(alias("int64"), 2, 1, 0, b"N", buffer(bytes(16))),
    "fewer bits than values": array(alias("int64"), 9, 1, 0, BIT, buffer(bytes(72))),
    "too few offsets": array(alias("large_string"), 4, 0, 0, b"N", buffer(ORDERLY), buffer(b"accc")),
    "offsets past the text": array(alias("large_string"), 3, 0, 0, b"N", buffer(ORDERLY), buffer(b"acc")),
    "offsets that fall": array(
        alias("large_string"), 3, 0, 0, b"N", buffer(struct.pack("<4q", 0, 3, 1, 4)), buffer(b"accc")
    ),
    "offsets below zero": array(
        alias("large_string"), 1, 0, 0, b"N", buffer(struct.pack("<2q", -8, 1)), buffer(b"accc")
    ),
    "text that is none": array(
        alias("string"), 1, 0, 0, b"N", buffer(struct.pack("<2i", 0, 1)), buffer(b"\xff")
    ),
    "a negative length": array(alias("int64"), -1, 0, 0, b"N", buffer(bytes(16))),
    "lists": array(alias("list"), 1, 0, 0, b"N", buffer(bytes(8))),
    "arrays inside": array(alias("int64"), 2, 0, 0, b"N", buffer(bytes(16)), inner=b"]K\x01aN"),
    "a dictionary": array(alias("int64"), 2, 0, 0, b"N", buffer(bytes(16)), inner=b"]]"),
    "memory of an object": array(
        alias("int64"), 1, 0, 0, b"N", call("pyarrow.lib.py_buffer", call("collections.OrderedDict"))
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", HONEST)
def test_honest_arrays_are_clean(what: str, scanned: Scan) -> None:
    seen = scanned(HONEST[what])
    assert seen.verdict is Verdict.HELD, [f.message for f in seen.findings]


@pytest.mark.parametrize("what", LYING)
def test_arrays_that_reach_past_their_buffers_are_told(what: str, scanned: Scan) -> None:
    assert scanned(LYING[what]).verdict is Verdict.BROKEN


def test_long_text_is_followed_through_every_block(scanned: Scan) -> None:
    count = 40_000
    rising = list(range(count + 1))
    fine = array(
        alias("string"), count, 0, 0, b"N", buffer(struct.pack(f"<{count + 1}i", *rising)), buffer(b"a" * count)
    )
    rising[1 << 14] = 0
    fallen = array(
        alias("string"), count, 0, 0, b"N", buffer(struct.pack(f"<{count + 1}i", *rising)), buffer(b"a" * count)
    )
    assert scanned(fine).verdict is Verdict.HELD
    assert scanned(fallen).verdict is Verdict.BROKEN


def test_bytes_are_not_written_after_they_were_read(scanned: Scan) -> None:
    kept = call("builtins.bytearray", raw(bytes(16))) + b"q\x00"
    made = array(alias("int64"), 2, 0, 0, b"N", name("pyarrow.lib.py_buffer") + b"(" + kept + b"tR")
    assert scanned(made).verdict is Verdict.HELD
    assert scanned(made + b"0h\x00" + number(0) + number(255) + b"s").verdict is Verdict.BROKEN


CHECK = "sklearn.utils.validation.check_array"
TRUE_OF = b"}(" + text("ensure_all_finite") + b"\x89u"


def partial(function: str, state: bytes) -> bytes:
    return call("functools.partial", name(function)) + state + b"b"


def state(function: str, args: bytes = b")", keywords: bytes = TRUE_OF, own: bytes = b"N") -> bytes:
    return b"(" + name(function) + args + keywords + own + b"t"


def test_the_partial_of_histogram_boosting_is_clean(scanned: Scan) -> None:
    assert scanned(partial(CHECK, state(CHECK))).verdict is Verdict.HELD


@pytest.mark.parametrize(
    "program",
    [
        partial("os.system", state("os.system")),
        partial("builtins.dict", state(CHECK)),
        partial(CHECK, state("builtins.dict")),
        partial(CHECK, state(CHECK, args=text("x") + b"\x85")),
        partial(CHECK, state(CHECK, own=b"}" + text("func") + name("os.system") + b"s")),
        partial(CHECK, state(CHECK, own=b"}" + text("x") + b"K\x01s")),
        partial(CHECK, state(CHECK, keywords=b"}" + text("dtype") + call("collections.OrderedDict") + b"s")),
        partial(CHECK, state(CHECK, keywords=call("builtins.dict"))),
        name("functools.partial"),
        call("functools.partial", call("functools.partial", name(CHECK))),
    ],
    ids=[
        "function",
        "first",
        "state",
        "args",
        "attributes",
        "plain attributes",
        "keywords",
        "hidden keywords",
        "kept",
        "nested",
    ],
)
def test_every_other_partial_is_told(program: bytes, scanned: Scan) -> None:
    assert scanned(program).verdict is Verdict.BROKEN


def test_histogram_boosting_on_categories(scanned: Scan) -> None:
    pd, ensemble = pytest.importorskip("pandas"), pytest.importorskip("sklearn.ensemble")
    frame = pd.DataFrame({"a": range(40), "b": pd.Categorical(["x", "y"] * 20)})
    model = ensemble.HistGradientBoostingClassifier(max_iter=2, categorical_features="from_dtype")
    written = pickle.dumps(model.fit(frame, [0, 1] * 20), protocol=4)
    assert scanned(written[2:-1]).verdict is Verdict.HELD
