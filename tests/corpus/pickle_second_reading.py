"""Pickles that are one thing to the reader that was thought of and another to the one that comes: states of SciPy, and
the bytes of joblib's arrays, which `pickle.load` runs."""

from __future__ import annotations

import struct

from corpus import bad

CODE = b"raise SystemExit('this would run')\n"


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def name(module: str, attribute: str) -> bytes:
    return text(module) + text(attribute) + b"\x93"


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def several(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def state(**items: bytes) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


NORM = name("scipy.stats._continuous_distns", "norm_gen") + b")\x81"
RUNS = b"0" + NORM + state(_parse_arg_template=text(CODE.decode())) + b"b."


def wrapper(raw: bytes, **more: bytes) -> bytes:
    """A joblib file of one array of bytes, which begin as no padding: joblib before 1.2 wrote so."""
    kind = name("numpy", "dtype") + several(text("u1"), b"\x89", b"\x88") + b"R"
    kind += several(number(3), text("|"), b"NNN", number(-1), number(-1), number(0)) + b"b"
    fields = state(
        subclass=name("numpy", "ndarray"), shape=several(number(len(raw))), order=text("C"), dtype=kind,
        allow_mmap=b"\x89", **more,
    )  # fmt: skip
    return b"\x80\x04" + name("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81" + fields + b"b" + raw + b"."


@bad("pickle", "a dict of two keys is a pair to dict.update: a name, and code that SciPy runs", file="model.pkl")
def pair_of_names() -> bytes:
    pairs = several(state(_parse_arg_template=b"N", **{CODE.decode(): b"N"}), several(text("x"), number(1)))
    return b"\x80\x04" + NORM + pairs + b"b."


@bad("joblib", "the array's bytes set a SciPy distribution's state, for whoever uses pickle.load", file="m.joblib")
def array_sets_a_state() -> bytes:
    return wrapper(RUNS)


@bad("joblib", "the array's bytes fill a dict that was kept, then use it as a state", file="m.joblib")
def array_fills_what_is_kept() -> bytes:
    filled = b"(" + text("_parse_arg_template") + text(CODE.decode()) + b"u0"
    return wrapper(b"0}q\xc8" + filled + NORM + b"h\xc8b.")


@bad("joblib", "the array's bytes import a name that is computed", file="m.joblib")
def array_computes_a_name() -> bytes:
    def made(value: str) -> bytes:
        return name("builtins", "str") + text(value) + b"\x85R"

    return wrapper(b"0" + made("posix") + made("system") + b"\x93" + text("true") + b"\x85R.")


@bad("joblib", "an attribute stands before the wrapper's read: joblib runs the array's bytes", file="m.joblib")
def wrapper_does_not_read() -> bytes:
    return wrapper(RUNS, read=name("builtins", "slice"))
