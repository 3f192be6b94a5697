"""What an allowed name must also be given: each rule with what it lets pass and what it stops."""

from __future__ import annotations

import base64
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from hauberk.artifact.formats.encoded import is_code, programs
from hauberk.artifact.scan import Scanned, scan
from hauberk.artifact.verdicts import Judge, Standing, allowed
from hauberk.core.limits import Limits
from hauberk.core.nouns import Verdict

EVIL = b"cposix\nsystem\n(S'id'\ntR."
Scan = Callable[[bytes], Scanned]


@pytest.fixture
def scanned(tmp_path: Path) -> Scan:
    def run(data: bytes) -> Scanned:
        (tmp_path / "m.pkl").write_bytes(data)
        return scan(tmp_path / "m.pkl")

    return run


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def name(dotted: str) -> bytes:
    module, _, attribute = dotted.rpartition(".")
    return f"c{module}\n{attribute}\n".encode()


def called(dotted: str, *arguments: bytes) -> bytes:
    return b"\x80\x02" + name(dotted) + b"(" + b"".join(arguments) + b"tR."


def built(dotted: str, state: bytes) -> bytes:
    return b"\x80\x02" + name(dotted) + b")\x81" + state + b"b."


def entries(**values: bytes) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in values.items()) + b"u"


UFUNC = "numpy.core._ufunc_reconstruct"
DATA = "statsmodels.base.data.PandasData"
TRANSFORMER = "sklearn.preprocessing._function_transformer.FunctionTransformer"
NORM = "scipy.stats._continuous_distns.norm_gen"
PACKED = "__torch__.torch.classes.quantized.LinearPackedParamsBase"


@pytest.mark.parametrize(
    ("good", "bad", "mentions"),
    [
        (called(UFUNC, text("numpy.core._multiarray_umath"), text("add")), called(UFUNC, text("os"), text("system")),
         "imports what it is given"),
        (built(NORM, entries(shapes=b"N") + b"N\x86"), built(NORM, entries(shapes=text("a=print()")) + b"N\x86"),
         "makes code of the names"),
        (called("copy_reg._reconstructor", name("lightgbm.basic.Booster"), name("__builtin__.object"), b"N"),
         called("copy_reg._reconstructor", name("lightgbm.basic.Booster"), name("__builtin__.object"),
                name("lightgbm.basic.Booster")), "keeps lightgbm.basic.Booster"),
        (called(UFUNC, text("numpy"), text("log1p")), called(UFUNC, text("numpy"), text("load")), "imports numpy.load"),
        (built(DATA, entries(endog=b"N")), built(DATA, entries(restore_design_info=b"\x88", formula=text("f()"))),
         "formula of its state as code"),
        (built(DATA, entries(endog=b"N")), built(DATA, name("builtins.dict") + b")R"), "cannot be seen"),
        (built("torch.ScriptObject", b"N" + text(PACKED) + b"\x86"),
         built("torch.ScriptObject", b"N" + text("__torch__.torch.classes.evil.Thing") + b"\x86"), "no packed weight"),
        (called("builtins.getattr", name("scipy.interpolate._interpolate.interp1d"), text("_call_nearest")),
         called("builtins.getattr", name("scipy.interpolate._interpolate.interp1d"), text("__init__")), "getattr"),
        (called("re._compile", text("a+"), b"K\0"), called("re._compile", name("numpy.matrix") + b")\x81", b"K\0"),
         "plain values"),
        (built("xgboost.core.Booster", entries(best=b"K\1")),
         built(TRANSFORMER, entries(func=name("xgboost.core.Booster"))), "keeps xgboost.core.Booster"),
        (b"\x80\x02" + name("scipy.optimize._optimize.OptimizeResult") + b")\x81" + text("fun") + b"K\1s.",
         b"\x80\x02" + name("scipy.optimize._optimize.OptimizeResult") + b")\x81" + text("__setstate__") + b"Ns.",
         "__setstate__"),
    ],
)  # fmt: skip
def test_what_passes_and_what_does_not(scanned: Scan, good: bytes, bad: bytes, mentions: str) -> None:
    seen = scanned(good)
    assert seen.verdict is Verdict.HELD, seen.findings
    assert any(mentions in f.message for f in scanned(bad).findings), scanned(bad).findings


def test_a_state_that_grows_is_read_again(scanned: Scan) -> None:
    """The first BUILD sees a harmless dict; before the second one, it got another entry."""
    instance = b"\x80\x02" + name("collections.OrderedDict") + b")Rq\x01" + b"}q\x02" + text("a") + b"Nsb"
    assert scanned(instance + b".").verdict is Verdict.HELD
    seen = scanned(instance + b"h\x02" + text("__setstate__") + b"Ns0h\x02b.")
    assert any("__setstate__" in f.message for f in seen.findings)


def test_a_look_at_array_bytes_changes_nothing(scanned: Scan) -> None:
    """Bytes of an array, tried as opcodes, put an item into a dict that the program itself holds."""
    state = entries(subclass=name("numpy.ndarray"), shape=b"K\x08\x85", order=text("C"), allow_mmap=b"\x89")
    kind = text("dtype") + name("numpy.dtype") + text("u1") + b"\x89\x88\x87R(K\x03" + text("|") + b"NNN"
    kind += b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tbs"
    array = name("joblib.numpy_pickle.NumpyArrayWrapper") + b")\x81" + state + kind + b"b"
    outer = b"\x80\x02" + name("collections.OrderedDict") + b")R}q\x07" + text("a") + array
    raw = b"00)QNs00"  # were they run: a computed name for an entry of the dict in memo 7
    assert len(raw) == 8
    assert scanned(outer + raw + b"sb.").verdict is Verdict.HELD


def test_a_loader_that_a_persistent_id_gives_back_is_counted(tmp_path: Path) -> None:
    """POP of what BINPERSID returned takes nothing off the count of what a dict keeps."""
    from hauberk.artifact.formats.pickle import walk
    from hauberk.artifact.route import walk_content
    from hauberk.artifact.walk import Walk

    load = name("torch.storage._load_from_bytes")
    kept = text("module") + load + text("") + text("")
    data = b"\x80\x02(" + kept + b"tq\x00Q0h\x00Q0}" + text("f") + b"h\x00s."
    scan_of = Walk(Limits(), walk_content)
    walk(scan_of, memoryview(data), "data.pkl", loader="torch")
    assert any("keeps torch.storage._load_from_bytes" in f.message for f in scan_of.flaws)


@pytest.mark.parametrize(
    ("module", "attribute"),
    [
        ("sklearn.utils", "os.system"),
        ("numpy", "__builtins__"),
        ("a." * 1000 + "b", "c"),
        ("pandas.core", "__loader__.x"),
    ],
)
def test_names_that_reach_further(module: str, attribute: str) -> None:
    ruling = Judge().rule(module, attribute, "import")
    assert ruling.verdict is (Standing.UNKNOWN if module.startswith("a.a") else Standing.DANGEROUS)


def test_packs_are_read_for_the_library_that_is_met() -> None:
    assert ("sklearn.svm._classes", "SVC") in allowed("sklearn")
    assert ("sklearn.svm._classes", "SVC") not in allowed("stdlib")
    assert Judge().rule("_loss", "CyHalfBinomialLoss", "new").verdict is Standing.ALLOWED
    assert Judge().rule("numpy.core.multiarray", "scalar", "call").verdict is Standing.ALLOWED


def test_every_entry_has_a_use_and_a_reason() -> None:
    from hauberk.artifact.formats.shapes import SHAPES, STATES
    from hauberk.artifact.verdicts import LIBRARIES

    for library in ("stdlib", *LIBRARIES):
        for pair, entry in allowed(library).items():
            assert entry.uses <= {"import", "call", "new", "build"}, pair
            assert len(entry.reason) > 9, pair
            assert entry.shape in SHAPES or not entry.shape, pair
            assert entry.state in STATES or not entry.state, pair


@pytest.mark.parametrize(
    "harmless", [b"", b"c", b"\xe3" * 40, b"\xe3\0\0\0" * 20, b"gASV", b"78" * 20, b"cos\nsystem", b"A" * 64]
)
def test_data_that_only_begins_like_a_program(scanned: Scan, harmless: bytes) -> None:
    assert not list(programs(memoryview(harmless))) or scanned(pickle.dumps([harmless])).verdict is Verdict.HELD
    assert not is_code(memoryview(harmless))


def test_code_of_this_python_is_seen() -> None:
    import marshal

    assert is_code(memoryview(marshal.dumps(compile("x = 1", "f", "exec"))))
    assert is_code(memoryview(marshal.dumps(test_code_of_this_python_is_seen.__code__)))


def test_encoded_programs_are_opened_within_a_bound(scanned: Scan) -> None:
    import zlib

    bomb = zlib.compress(b"\x80\x02" + b"N0" * (1 << 20) + b"N.", 9)
    seen = scanned(pickle.dumps([bomb + bytes([n]) for n in range(60)], 4))
    assert seen.verdict is Verdict.INCONCLUSIVE
    assert scanned(pickle.dumps([base64.b64encode(EVIL), bomb], 4)).verdict is Verdict.BROKEN


@pytest.mark.parametrize("again", [b"h\x00h\x01h\x02\x86R0", b"h\x03h\x04b0"])
def test_the_same_argument_many_times_costs_as_much_as_once(scanned: Scan, again: bytes) -> None:
    """Half a megabyte of text, or a state of thousands of entries, shown again and again."""
    large = text("x" * 400_000)
    state = b"}(" + b"".join(text(f"k{n}") + b"N" for n in range(4000)) + b"u"
    head = b"\x80\x02" + name("_codecs.encode") + b"q\x00" + large + b"q\x01" + text("latin1") + b"q\x02000"
    head += name("collections.OrderedDict") + b")Rq\x03" + state + b"q\x0400"
    assert scanned(head + again * 40_000 + b"N.").verdict is Verdict.HELD  # quadratic would take hours
