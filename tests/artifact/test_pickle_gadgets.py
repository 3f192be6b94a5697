"""Allowed names put together into something that is not allowed. Each of these ran code when it was loaded."""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hauberk.artifact.manifest import subject
from hauberk.artifact.scan import SCAN, Scanned
from hauberk.core.limits import Limits
from hauberk.core.nouns import Verdict
from hauberk.core.ports import Inputs

Scanner = Callable[..., Scanned]
PADDING = b"B" + struct.pack("<I", 70_000) + b"q" * 70_000 + b"0"
"""Puts bytes that hold a zip so far from the end that the file is no zip."""
PAYLOAD = b"cposix\nsystem\n(S'id'\ntR"


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def content(raw: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(raw)) + raw


def name(dotted: str) -> bytes:
    module, _, attribute = dotted.rpartition(".")
    return f"c{module}\n{attribute}\n".encode()


LOAD = name("torch.storage._load_from_bytes")


@pytest.fixture(scope="module")
def torch_file() -> bytes:
    torch = pytest.importorskip("torch")
    buffer = io.BytesIO()
    torch.save(Evil(), buffer)
    return buffer.getvalue()


class Evil:
    def __reduce__(self) -> object:
        import os

        return os.system, ("id",)


def dtype(code: str, order: str, flags: int, *, middle: bytes = b"NNN", size: int = -1, times: int = 1) -> bytes:
    state = b"(K\x03" + text(order) + middle + b"J" + struct.pack("<i", size) + b"J\xff\xff\xff\xffK" + bytes([flags])
    return name("numpy.dtype") + text(code) + b"\x89\x88\x87R" + (state + b"tb") * times


def field(kind: bytes, offset: int) -> bytes:
    """The middle of a structure's state: no subarray, one name, one field."""
    return b"N" + text("a") + b"\x85}" + text("a") + kind + b"K" + bytes([offset]) + b"\x86s"


def wrapper(kind: bytes, n: int) -> bytes:
    """joblib's array block of n items, up to the raw bytes."""
    state = text("subclass") + name("numpy.ndarray") + text("shape") + b"J" + struct.pack("<i", n) + b"\x85"
    state += text("order") + text("C") + text("dtype") + kind + text("allow_mmap") + b"\x89"
    return b"\x80\x02" + name("joblib.numpy_pickle.NumpyArrayWrapper") + b")\x81}(" + state + b"ub"


def refused(seen: Scanned, mentions: str) -> None:
    assert seen.verdict is Verdict.BROKEN
    assert [f for f in seen.findings if mentions in f.message], [f.message for f in seen.findings]


@pytest.mark.parametrize("function", ["__randomstate_ctor", "__generator_ctor"])
def test_constructor_that_calls_what_it_is_given(scanned: Scanner, torch_file: bytes, function: str) -> None:
    """NumPy's constructor of generators calls its second argument with its first."""
    data = b"\x80\x02" + name(f"numpy.random._pickle.{function}") + content(torch_file) + LOAD + b"\x86R" + PADDING
    refused(scanned(data + b"."), "calls what it is given")


def test_class_given_to_a_constructor_of_generators(scanned: Scanner) -> None:
    """It makes an instance of any class."""
    data = b"\x80\x02" + name("numpy.random._pickle.__bit_generator_ctor") + name("xgboost.core.Booster") + b"\x85R."
    refused(scanned(data), "calls what it is given")


@pytest.mark.parametrize("generator", [np.random.default_rng(0), np.random.RandomState(0)])
@pytest.mark.parametrize("protocol", range(6))
def test_honest_generators(scanned: Scanner, generator: object, protocol: int) -> None:
    assert scanned(pickle.dumps(generator, protocol)).verdict is Verdict.HELD


def test_item_of_a_bunch_that_append_calls(scanned: Scanner, torch_file: bytes) -> None:
    """A Bunch answers `append` with its own item of that name, and APPEND calls it."""
    data = b"\x80\x02" + name("sklearn.utils._bunch.Bunch") + b")\x81" + text("append") + LOAD + b"s"
    refused(scanned(data + content(torch_file) + b"a" + PADDING + b"."), "which may be any method of that name")


@pytest.mark.parametrize(
    "keep", [LOAD, LOAD + b"q\x00" + content(b"") + b"\x85R0h\x00", LOAD + b"2" + content(b"") + b"\x85R0"]
)
def test_loader_kept_as_a_value(scanned: Scanner, keep: bytes) -> None:
    """A pipeline's step could hold it, and call it when the model predicts. Also through the memo, and doubled."""
    data = b"\x80\x02" + name("sklearn.preprocessing._function_transformer.FunctionTransformer") + b")\x81}"
    refused(scanned(data + text("func") + keep + b"sb."), "keeps torch.storage._load_from_bytes")


def test_loader_called_twice_through_the_memo(scanned: Scanner) -> None:
    """As honest pickles of several tensors call it: it is not kept."""
    encode = name("_codecs.encode") + b"q\x00" + text("a") + text("latin1") + b"\x86R"
    assert scanned(b"\x80\x02" + encode + b"h\x00" + text("b") + text("latin1") + b"\x86R\x86.").verdict is Verdict.HELD


def test_numbers_whose_flags_say_objects(scanned: Scanner) -> None:
    """joblib reads a pickle where the type says numbers."""
    hidden = b"\x80\x02" + b"N0" * 6001 + PAYLOAD + b"."
    data = wrapper(dtype("u1", "|", 1), len(hidden)) + hidden + b"."
    refused(scanned(data), "bytes could pass for objects")


@pytest.mark.parametrize(
    "kind",
    [
        dtype("O8", "|", 0),
        dtype("O8", "|", 63, times=2),
        dtype("V8", "|", 0, size=8, middle=field(dtype("O8", "|", 63), 0)),
        dtype("V8", "|", 0, size=8, middle=field(dtype("i8", "<", 0), 4)),
        dtype("V8", "|", 0, size=8, middle=dtype("O8", "|", 63) + b"K\x01\x85\x86NN"),
        dtype("V8", "|", 0, size=16),
        dtype("i8", "<", 0, size=4096),
        dtype("i8", "<", 0, middle=field(dtype("O8", "|", 63), 0)),
    ],
)
def test_types_that_read_bytes_as_pointers(scanned: Scanner, kind: bytes) -> None:
    """Objects without their flag, fields outside of their item, sizes that are not the type's, set twice."""
    refused(scanned(b"\x80\x02" + kind + b"."), "sets the state of numpy.dtype")


@pytest.mark.parametrize(
    "kind",
    [
        "f8", "?", "O", ">f4", "U5", "S5", "M8[ns]", "m8[D]", "c16", "V3", ("f4", (3,)), ("O", (2,)),
        [("a", "i8"), ("b", "O")],
        [("a", "i8"), ("b", "f4", (2, 2))], [("a", [("b", "O")])], [(("title", "name"), "i4")],
        {"names": ["a", "b"], "formats": ["i4", "f8"], "offsets": [0, 16], "itemsize": 32},
        np.dtype([("a", "i1"), ("b", "f8")], align=True), np.dtype((np.record, [("a", "i8")])),
        np.dtype("f8", metadata={"a": 1}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("protocol", range(6))
def test_honest_types(scanned: Scanner, kind: object, protocol: int) -> None:
    assert scanned(pickle.dumps(np.dtype(kind), protocol)).verdict is Verdict.HELD  # type: ignore[call-overload]


def test_frame_that_goes_on_behind_its_stop(scanned: Scanner) -> None:
    """Who reads from a file stands behind the frame after it, who reads bytes behind the STOP."""
    hidden = PAYLOAD + b"0."
    inner = pickle.dumps(np.zeros(1), 2)[2:] + content(b"zzzz" + hidden)[: 5 + 4]
    framed = b"\x80\x04\x95" + struct.pack("<Q", len(inner)) + inner + hidden + b"0."
    refused(scanned(wrapper(dtype("O8", "|", 63), 1) + framed), "a frame goes on behind the STOP")


@pytest.mark.parametrize("raw", [b"N0" * 6000 + PAYLOAD + b".", LOAD + content(b"PK") + b"\x85R.", b"N0" * 600_000])
def test_raw_array_that_pickle_load_would_run(scanned: Scanner, raw: bytes) -> None:
    """pickle.load knows no raw arrays: however late their bytes come to the point, or by whatever allowed name."""
    refused(scanned(wrapper(dtype("u1", "|", 0), len(raw)) + raw + b"."), "with pickle.load instead of joblib.load")


@pytest.mark.parametrize("protocol", range(6))
def test_search_over_whole_numbers(scanned: Scanner, protocol: int) -> None:
    """A discrete distribution of SciPy, once used, holds its own method, which pickle writes as getattr."""
    stats = pytest.importorskip("scipy.stats")
    whole = stats.randint(0, 4)
    whole.rvs(size=2, random_state=0)
    assert scanned(pickle.dumps([whole, whole], protocol)).verdict is Verdict.HELD


@pytest.mark.parametrize(
    "use",
    [
        text("__class__") + b"\x86R",
        text("_entropy") + b"\x86R0h\x00",
        text("_entropy") + b"\x86R0h\x00h\x01" + text("__init__") + b"\x86R",
    ],
)
def test_getattr_for_anything_else(scanned: Scanner, use: bytes) -> None:
    """Another attribute of it; and getattr itself, kept or called once more."""
    owner = name("scipy.stats._discrete_distns.randint_gen") + b")\x81q\x010"
    data = b"\x80\x02" + owner + name("builtins.getattr") + b"q\x00h\x01" + use
    refused(scanned(data + b"."), "builtins.getattr")


def test_constructor_run_by_the_maker_of_empty_objects(scanned: Scanner) -> None:
    """copyreg._reconstructor calls base.__init__: honest pickles name a built-in base."""
    booster = name("xgboost.core.Booster")
    data = b"\x80\x02" + name("copyreg._reconstructor") + booster + booster + b"}\x87R."
    refused(scanned(data), "runs the constructor of what is no built-in base")


def test_container_made_from_an_object(scanned: Scanner) -> None:
    """dict(x) calls x.keys, which is whatever the state of x says."""
    owner = name("types.SimpleNamespace") + b")\x81}" + text("keys") + name("xgboost.core.Booster") + b"sb"
    refused(scanned(b"\x80\x02" + name("builtins.dict") + owner + b"\x85R."), "plain values only")


@pytest.mark.parametrize("key", ["__class__", "__setstate__"])
def test_attributes_set_on_a_parameter(scanned: Scanner, key: str) -> None:
    """torch sets each with setattr, on whatever has a `detach` of its own."""
    identity = name("torch.nn.modules.linear.Identity")
    fake = identity + b")\x81}" + text("detach") + identity + b"sb"
    state = b"}" + text(key) + name("torch.nn.modules.container.ModuleDict") + b"s"
    data = b"\x80\x02" + name("torch._utils._rebuild_parameter_with_state") + b"(" + fake + b"\x89N" + state + b"tR."
    refused(scanned(data), "sets attributes of what is no tensor")
    tensor = name("torch._utils._rebuild_tensor_v2") + b")R"
    data = b"\x80\x02" + name("torch._utils._rebuild_parameter_with_state") + b"(" + tensor + b"\x89N" + state + b"tR."
    refused(scanned(data), "which loading calls or obeys later")


def test_parameter_with_attributes_of_its_own(scanned: Scanner) -> None:
    torch = pytest.importorskip("torch")
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.tag = "mine"
    buffer = io.BytesIO()
    torch.save({"p": parameter}, buffer)
    assert scanned(buffer.getvalue()).verdict is Verdict.HELD


@pytest.mark.parametrize("kind", ["TfidfVectorizer", "CountVectorizer", "HashingVectorizer"])
def test_vectoriser_that_opens_files(scanned: Scanner, kind: str) -> None:
    text_module = pytest.importorskip("sklearn.feature_extraction.text")
    made = getattr(text_module, kind)
    assert scanned(pickle.dumps(made())).verdict is Verdict.HELD
    refused(scanned(pickle.dumps(made(input="filename"))), "opens the files")


def test_what_the_user_allows_is_counted_for_the_policy(tmp_path: Path) -> None:
    """The gate may be held by someone else than who gave --allow."""
    path = tmp_path / "m.pkl"
    path.write_bytes(b"\x80\x02" + name("mine.Thing") + b")\x81.")
    options = {"allow": ["mine.Thing", "other.Thing"]}
    seen = SCAN.run(Inputs(artifact=path, subjects={"model": subject(path)}, options=options), Limits(), 0)
    assert seen.verdict is Verdict.HELD
    counted = seen.measured("globals_allowed_by_user")
    assert counted is not None
    assert counted.value >= 1
