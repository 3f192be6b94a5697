"""Bad pickles, built by code and named for what is wrong. None is ever loaded; a canary would show it."""

from __future__ import annotations

import base64
import builtins
import bz2
import collections
import functools
import gzip
import io
import lzma
import os
import pickle
import struct
import subprocess
import zlib
from collections.abc import Callable

import pytest

from hauberk.artifact.scan import Scanned
from hauberk.core.limits import Limits
from hauberk.core.nouns import Severity, Verdict

Scanner = Callable[..., Scanned]
CALL, UNKNOWN = "artifact.pickle.call", "artifact.pickle.unknown"


class Gadget:
    """Pickles as a call."""

    def __init__(self, function: object, *args: object) -> None:
        self.reduced = (function, args)

    def __reduce__(self) -> object:
        return self.reduced


def text(value: str) -> bytes:
    raw = value.encode()
    return b"\x8c" + bytes([len(raw)]) + raw


def stack_global(module: str, name: str) -> bytes:
    return text(module) + text(name) + b"\x93"


def rules(seen: Scanned) -> set[str]:
    return {f.rule for f in seen.findings}


def refused(seen: Scanned, rule: str, mentions: str) -> None:
    """Broken, by that rule, in a message that names the culprit."""
    assert seen.verdict is Verdict.BROKEN
    hits = [f for f in seen.findings if f.rule == rule and mentions in f.message]
    assert hits, [(f.rule, f.message) for f in seen.findings]
    assert hits[0].severity is (Severity.CRITICAL if rule == CALL else Severity.HIGH)
    assert "CWE-502" in hits[0].references
    assert hits[0].remedy


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("function", "args", "name"),
    [
        (os.system, ("id",), f"{os.name}.system"),
        (subprocess.Popen, (["id"],), "subprocess.Popen"),
        (builtins.eval, ("1",), "builtins.eval"),
        (builtins.exec, ("1",), "builtins.exec"),
        (builtins.getattr, (os, "system")[1:], "builtins.getattr"),
        (functools.reduce, (max, [1]), "functools.reduce"),
    ],
)
def test_call_in_every_protocol(
    scanned: Scanner, protocol: int, function: object, args: tuple[object, ...], name: str
) -> None:
    """CWE-502: the plain attack, protocols 0 to 5."""
    refused(scanned(pickle.dumps(Gadget(function, *args), protocol)), CALL, name)


def test_names_fetched_from_the_memo(scanned: Scanner) -> None:
    """picklescan issue 22: STACK_GLOBAL whose operands come from the memo, not from the last strings."""
    data = (
        b"\x80\x04" + text("subprocess") + b"\x94" + text("Popen") + b"\x94" + b"00" + text("innocent") + text("dict")
    )
    data += b"00" + b"h\x00h\x01\x93" + b"](" + text("id") + b"e\x85R."
    refused(scanned(data), CALL, "subprocess.Popen")


def test_memo_entry_overwritten_before_use(scanned: Scanner) -> None:
    """The memo is what it is at that moment: the last PUT wins."""
    data = b"\x80\x04" + text("collections") + b"q\x000" + text("posix") + b"q\x000h\x00" + text("system") + b"\x93"
    refused(scanned(data + text("id") + b"\x85R."), CALL, "posix.system")


def test_put_and_memoize_mixed(scanned: Scanner) -> None:
    """picklescan issue 14: MEMOIZE counts entries, whichever opcode stored them."""
    data = b"\x80\x04" + text("posix") + b"q\x00" + text("system") + b"q\x01"
    data += text("collections") + b"\x94" + text("OrderedDict") + b"\x940000h\x00h\x01\x93"
    refused(scanned(data + text("id") + b"\x85R."), CALL, "posix.system")
    gap = b"\x80\x04" + text("posix") + b"q\x050" + text("system") + b"\x940h\x05h\x01\x93" + text("id") + b"\x85R."
    refused(scanned(gap), CALL, "posix.system")


def test_names_kept_as_attributes_of_a_function(scanned: Scanner) -> None:
    """modelscan issue 85: BUILD writes names onto an allowed function, and GLOBAL fetches them back."""
    data = b"\x80\x05cnumpy\nlog1p\nN(Va\nVos\nd\x86bN(Vb\nVsystem\nd\x86b0"
    data += b"cnumpy\nlog1p.a\np0\ncnumpy\nlog1p.b\np1\n00g0\ng1\n\x93Vid\n\x85R."
    seen = scanned(data)
    refused(seen, CALL, "writes attributes of numpy.log1p")
    assert "artifact.pickle.unknown" in rules(seen)


def test_inst(scanned: Scanner) -> None:
    """INST imports and calls in one opcode."""
    refused(scanned(b"(S'id'\nios\nsystem\n."), CALL, "os.system")


def test_obj(scanned: Scanner) -> None:
    """OBJ calls what stands above the mark."""
    refused(scanned(b"(cos\nsystem\nS'id'\no."), CALL, "os.system")


def test_newobj_and_newobj_ex(scanned: Scanner) -> None:
    """`cls.__new__` runs as well."""
    cls = stack_global("subprocess", "Popen")
    refused(scanned(b"\x80\x04" + cls + text("id") + b"\x85\x81."), CALL, "subprocess.Popen")
    refused(scanned(b"\x80\x04" + cls + text("id") + b"\x85}\x92."), CALL, "subprocess.Popen")


@pytest.mark.parametrize("opcode", [b"\x82\x01", b"\x83\x01\x00", b"\x84\x01\x00\x00\x00"])
def test_extension_registry(scanned: Scanner, opcode: bytes) -> None:
    """EXT1/2/4: a global by number, whose meaning is not in the file."""
    refused(scanned(b"\x80\x02" + opcode + b")R."), UNKNOWN, "extension code 1")


def test_persistent_id_outside_torch(scanned: Scanner) -> None:
    """PERSID hands the file's value to the loading program."""
    refused(scanned(b"Pos.system\n."), UNKNOWN, "asks the program")
    refused(scanned(b"\x80\x02K\x01Q."), UNKNOWN, "asks the program")


def test_payload_before_the_stream_breaks(scanned: Scanner) -> None:
    """GHSA-9gvj-pp9x-gcfr (picklescan): an error after the payload must not hide it."""
    seen = scanned(pickle.dumps(Gadget(os.system, "id"))[:-1] + b"\xff\xff")
    refused(seen, CALL, "system")
    assert "artifact.pickle.broken" in rules(seen)


def test_payload_without_stop(scanned: Scanner) -> None:
    """Truncation right after the call."""
    seen = scanned(pickle.dumps(Gadget(os.system, "id"))[:-1])
    assert {CALL, "artifact.pickle.broken"} <= rules(seen)


def test_second_stream(scanned: Scanner) -> None:
    """What a second `pickle.load` of the same file would run."""
    refused(scanned(pickle.dumps({"a": 1}) + pickle.dumps(Gadget(os.system, "id"))), CALL, "system")


def test_trailing_bytes_after_the_stream(scanned: Scanner) -> None:
    """Bytes that no unpickler reads, but something else may."""
    seen = scanned(pickle.dumps({"a": 1}) + b"\x00not a pickle")
    assert rules(seen) == {"artifact.pickle.trailing"}


@pytest.mark.parametrize("protocol", range(6))
def test_nested_pickle_passed_to_loads(scanned: Scanner, protocol: int) -> None:
    """A pickle inside a pickle, loaded by pickle.loads."""
    inner = pickle.dumps(Gadget(os.system, "id"), 2)
    refused(scanned(pickle.dumps(Gadget(pickle.loads, inner), protocol)), CALL, "pickle.loads")


@pytest.mark.parametrize("inner_protocol", [0, 2, 4])
def test_nested_pickle_lying_in_data(scanned: Scanner, inner_protocol: int) -> None:
    """A pickle in a bytes value that application code will load later."""
    inner = pickle.dumps(Gadget(os.system, "id"), inner_protocol)
    seen = scanned(pickle.dumps({"state": inner}, 4))
    refused(seen, CALL, "system")
    assert " > " in seen.findings[0].place.part


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("numpy.testing._private.utils", "runstring"),
        ("numpy", "load"),
        ("torch", "load"),
        ("joblib", "load"),
        ("joblib.numpy_pickle", "load"),
        ("torch.jit", "load"),
        ("torch.hub", "load"),
        ("torch.serialization", "load"),
        ("pandas", "read_pickle"),
        ("pandas", "eval"),
        ("operator", "attrgetter"),
        ("_operator", "methodcaller"),
        ("operator", "itemgetter"),
        ("builtins", "getattr"),
        ("builtins", "__import__"),
        ("builtins", "compile"),
        ("builtins", "open"),
        ("importlib", "import_module"),
        ("pip", "main"),
        ("pip._internal.cli.main", "main"),
        ("pkgutil", "resolve_name"),
        ("runpy", "run_path"),
        ("pty", "spawn"),
        ("socket", "create_connection"),
        ("shutil", "rmtree"),
        ("ctypes", "CDLL"),
        ("timeit", "timeit"),
        ("cProfile", "run"),
        ("pydoc", "pipepager"),
        ("code", "interact"),
        ("asyncio.unix_events", "_UnixSubprocessTransport._start"),
        ("ensurepip", "_run_pip"),
        ("idlelib.pyshell", "ModifiedInterpreter.runcommand"),
        ("lib2to3.pgen2.grammar", "Grammar.loads"),
        ("distutils.spawn", "spawn"),
        ("numpy.f2py.crackfortran", "getlincoef"),
        ("torch.utils.bottleneck.__main__", "run_cprofile"),
        ("torch.distributed.rpc.internal", "_run_function"),
        ("os.path", "os.system"),
        ("collections", "OrderedDict.__init__.__globals__"),
        ("sys", "modules"),
        ("urllib.request", "urlopen"),
        ("marshal", "loads"),
        ("types", "FunctionType"),
        ("bdb", "Bdb.run"),
        ("logging.config", "_resolve"),
        ("_posixsubprocess", "fork_exec"),
    ],
)
def test_known_gadgets(scanned: Scanner, module: str, name: str) -> None:
    """The gadgets of the published picklescan, modelscan and fickling advisories, and their private twins."""
    refused(scanned(b"\x80\x04" + stack_global(module, name) + text("x") + b"\x85R."), CALL, f"{module}.{name}")


@pytest.mark.parametrize(
    ("module", "name"),
    [("mylib", "f"), ("numpy", "nonexistent"), ("sklearn.pipeline", "make_pipeline"), ("uuid", "getnode"),
     ("functools", "lru_cache"), ("collections", "namedtuple"), ("torch.nn", "Foo"), ("", ""), ("a\nb", "c"),
     ("collections", "OrderedDict.fromkeys"), ("numpy", "ndarray.tofile")],
)  # fmt: skip
def test_not_understood_is_not_clean(scanned: Scanner, module: str, name: str) -> None:
    """Whatever no pack lists: not clean, although no list of bad names knows it."""
    seen = scanned(b"\x80\x04" + stack_global(module, name) + b")R.")
    assert seen.verdict is Verdict.BROKEN
    assert rules(seen) == {UNKNOWN}


def test_import_alone_is_judged(scanned: Scanner) -> None:
    """Importing a module already runs it; the name need not be called."""
    refused(scanned(b"\x80\x04" + stack_global("antigravity", "fly") + b"."), CALL, "imports antigravity.fly")
    refused(scanned(b"\x80\x04" + stack_global("mylib", "x") + b"0N."), UNKNOWN, "imports mylib.x")


def test_python_2_names_are_mapped(scanned: Scanner) -> None:
    """fix_imports: protocols below 3 read __builtin__ as builtins."""
    refused(scanned(b"c__builtin__\neval\n(S'1'\ntR."), CALL, "builtins.eval")
    refused(scanned(b"ccommands\ngetoutput\n(S'1'\ntR."), CALL, "getoutput")


def test_dotted_names_in_protocol_4(scanned: Scanner) -> None:
    """Protocol 4 walks attributes: any module that imports os will do."""
    refused(scanned(b"\x80\x04" + stack_global("glob", "os.system") + text("id") + b"\x85R."), CALL, "glob.os.system")
    seen = scanned(b"\x80\x04" + stack_global("sklearn.utils", "os.system") + text("id") + b"\x85R.")
    assert seen.verdict is Verdict.BROKEN


def test_call_of_a_call(scanned: Scanner) -> None:
    """The callable is itself the result of a call."""
    data = b"\x80\x04" + stack_global("collections", "OrderedDict") + b")R)R."
    refused(scanned(data), UNKNOWN, "has no name")


def test_setstate_planted_by_the_state(scanned: Scanner) -> None:
    """BUILD looks __setstate__ up on the instance: a first BUILD can plant what the second calls."""
    data = b"\x80\x04" + stack_global("collections", "OrderedDict") + b")R"
    data += b"}" + text("__setstate__") + stack_global("collections", "Counter") + b"sb" + text("id") + b"b."
    refused(scanned(data), UNKNOWN, "__setstate__")


def test_attributes_of_a_class_overwritten(scanned: Scanner) -> None:
    """BUILD on a global with slot state sets attributes of the class for the whole process."""
    data = b"\x80\x04" + stack_global("collections", "OrderedDict") + b"N}" + text("__reduce__") + b"Ns\x86b."
    refused(scanned(data), CALL, "writes attributes of collections.OrderedDict")


def test_items_put_into_a_global(scanned: Scanner) -> None:
    """SETITEM into something imported: sys.modules, os.environ."""
    data = b"\x80\x04" + stack_global("collections", "OrderedDict") + text("a") + text("b") + b"s."
    refused(scanned(data), CALL, "writes into collections.OrderedDict")


def test_reconstructor_of_an_unlisted_class(scanned: Scanner) -> None:
    """copyreg._reconstructor is allowed for allowed classes only."""
    data = b"ccopyreg\n_reconstructor\n(cmylib\nThing\nc__builtin__\nobject\nNtR."
    seen = scanned(data)
    refused(seen, UNKNOWN, "mylib.Thing")


def test_an_allowed_name_in_another_use(scanned: Scanner) -> None:
    """Allowed to be named is not allowed to be called; allowed by NEWOBJ is not allowed by REDUCE."""
    for module, name, opcode in (
        ("numpy", "mean", b"R"), ("numpy", "mean", b"\x81"), ("sklearn.svm._classes", "SVC", b"R"),
        ("numpy", "dtype", b"\x81"), ("torch", "FloatStorage", b"R"),
    ):  # fmt: skip
        refused(scanned(b"\x80\x04" + stack_global(module, name) + b")" + opcode + b"."), UNKNOWN, name)
    assert scanned(b"\x80\x04" + stack_global("numpy", "mean") + b".").verdict is Verdict.HELD
    assert scanned(b"\x80\x04" + stack_global("sklearn.svm._classes", "SVC") + b")\x81.").verdict is Verdict.HELD


def test_reconstructor_of_a_class_that_may_only_be_named(scanned: Scanner) -> None:
    """The class is judged in the use that the call makes of it."""
    data = b"ccopyreg\n_reconstructor\n(cnumpy\nvectorize\nc__builtin__\nobject\nNtR."
    assert scanned(data).verdict is Verdict.HELD
    refused(scanned(data.replace(b"vectorize", b"mean")), UNKNOWN, "numpy.mean")


def test_codec_other_than_latin1(scanned: Scanner) -> None:
    """_codecs.encode imports encodings by name, and unpacks."""
    data = b"c_codecs\nencode\n(Vx\nVzlib\ntR."
    refused(scanned(data), UNKNOWN, "latin1")


def test_type_with_three_arguments_makes_a_class(scanned: Scanner) -> None:
    """type(name, bases, dict)."""
    data = b"\x80\x04" + stack_global("builtins", "type") + text("X") + b")}\x87R."
    refused(scanned(data), UNKNOWN, "builtins.type")


def test_dup_and_pop_tricks(scanned: Scanner) -> None:
    """POP on a mark removes the mark; DUP copies: the true stack decides what is called."""
    data = b"\x80\x04" + stack_global("posix", "system") + b"2((00" + b"0" + text("id") + b"\x85R."
    refused(scanned(data), CALL, "posix.system")


def test_frames_do_not_hide(scanned: Scanner) -> None:
    """FRAME lengths are not believed for where opcodes stand."""
    body = stack_global("posix", "system") + text("id") + b"\x85R."
    refused(scanned(b"\x80\x04\x95" + struct.pack("<Q", 3) + body), CALL, "posix.system")


@pytest.mark.parametrize("name", ["model.bin", "model.json", "weights.safetensors", "README.md", "a.onnx", "x"])
def test_extension_does_not_route(scanned: Scanner, name: str) -> None:
    """CVE-2025-1889, CVE-2025-10155 (picklescan): a pickle by any other name."""
    refused(scanned(pickle.dumps(Gadget(os.system, "id")), name), CALL, "system")


@pytest.mark.parametrize("protocol", [0, 1])
def test_old_protocols_have_no_magic(scanned: Scanner, protocol: int) -> None:
    """Protocols 0 and 1 begin with any byte."""
    data = pickle.dumps([1, {"a": Gadget(os.system, "id")}], protocol)
    refused(scanned(data, "notes.txt"), CALL, "system")


@pytest.mark.parametrize("pack", [zlib.compress, gzip.compress, bz2.compress, lzma.compress])
def test_compressed(scanned: Scanner, pack: Callable[[bytes], bytes]) -> None:
    """joblib reads compressed files; so do we."""
    refused(scanned(pack(pickle.dumps(Gadget(os.system, "id")))), CALL, "system")


def test_harmless_base64_text_is_quiet(scanned: Scanner) -> None:
    """Near miss: text that merely looks technical."""
    data = {"note": base64.b64encode(os.urandom(0) + b"c" * 40).decode(), "call": "os.system", "b": b"\x80\x04junk" * 3}
    assert scanned(pickle.dumps(data)).verdict is Verdict.HELD


def test_plain_values_of_every_protocol_are_quiet(scanned: Scanner) -> None:
    """Near miss: everything that a state may hold."""
    value = {
        "a": [1, -1, 2**70, 1.5, None, True, b"bytes", bytearray(b"x"), "text\nlines", "é"],
        "b": ({1, 2}, frozenset([3]), collections.OrderedDict(x=1), collections.defaultdict(list), complex(1, 2)),
        "c": collections.Counter("abc"), "d": slice(1, 2), "e": range(3), "f": collections.deque([1]), "g": type(None),
    }  # fmt: skip
    for protocol in range(6):
        seen = scanned(pickle.dumps(value, protocol))
        assert seen.verdict is Verdict.HELD, (protocol, seen.findings, seen.skipped)


def test_allow_is_exact_and_never_covers_the_dangerous(scanned: Scanner) -> None:
    """--allow names one global; a gadget stays refused."""
    data = b"\x80\x04" + stack_global("mylib", "Thing") + b")R."
    assert scanned(data, allow=("mylib.Thing",)).verdict is Verdict.HELD
    assert scanned(data, allow=("mylib", "mylib.Thin", "mylib.*")).verdict is Verdict.BROKEN
    bad = pickle.dumps(Gadget(os.system, "id"))
    assert scanned(bad, allow=("posix.system", "os.system", "nt.system")).verdict is Verdict.BROKEN


def test_opcode_limit_is_a_skip(scanned: Scanner) -> None:
    """A limit reached is not a pass."""
    seen = scanned(pickle.dumps(list(range(1000))), limits=Limits(max_opcodes=100))
    assert seen.verdict is Verdict.INCONCLUSIVE


def test_nesting_limit_is_a_skip(scanned: Scanner) -> None:
    """Pickles in pickles in pickles."""
    data = pickle.dumps("x" * 8)
    for _ in range(20):
        data = pickle.dumps(data, 4)
    assert scanned(data, limits=Limits(max_depth=10)).verdict is Verdict.INCONCLUSIVE
    assert scanned(data).verdict is Verdict.HELD


def test_shared_structure_does_not_explode(scanned: Scanner) -> None:
    """A billion laughs through the memo."""
    value: object = ["x"]
    for _ in range(200):
        value = (value, value)
    assert scanned(pickle.dumps(value, 2)).verdict is Verdict.HELD
    assert scanned(pickle.dumps(Gadget(os.system, value), 2)).verdict is Verdict.BROKEN


def test_deep_nesting_does_not_recurse(scanned: Scanner) -> None:
    """A hundred thousand lists in lists."""
    assert scanned(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".").verdict is Verdict.HELD


def test_distribution_that_runs_its_state(scanned: Scanner) -> None:
    """scipy.stats: rv_generic.__setstate__ passes `_parse_arg_template` of the state to exec."""

    def model(template: bytes) -> bytes:
        cls = stack_global("scipy.stats._continuous_distns", "norm_gen")
        return b"\x80\x04" + cls + b")\x81}" + text("_parse_arg_template") + template + b"sb."

    stats = pytest.importorskip("scipy.stats")
    own = stats.norm._parse_arg_template
    assert scanned(model(text("x")[:0] + b"X" + struct.pack("<I", len(own)) + own.encode())).verdict is Verdict.HELD
    refused(scanned(model(text("import os; os.system('id')"))), UNKNOWN, "_parse_arg_template")
    evil = own + "import os\n"
    refused(scanned(model(b"X" + struct.pack("<I", len(evil)) + evil.encode())), UNKNOWN, "_parse_arg_template")
    refused(
        scanned(pickle.dumps(stats.norm, 4).replace(b"loc, scale, moments", b"f(), scale, moments")), UNKNOWN, "norm"
    )


def test_attribute_names_that_are_computed(scanned: Scanner) -> None:
    """A key that a call returns at loading time could be any name."""
    key = stack_global("builtins", "str") + text("__setstate__") + b"\x85R"
    data = b"\x80\x04" + stack_global("collections", "OrderedDict") + b")R}" + key + b"Nsb."
    refused(scanned(data), UNKNOWN, "computed")


def test_state_out_of_sight(scanned: Scanner) -> None:
    """The state itself is the result of a call, or has more attributes than the machine keeps."""
    made = b"\x80\x04" + stack_global("collections", "OrderedDict") + b")R"
    state = stack_global("builtins", "dict") + text("x") + b"\x85R"
    refused(scanned(made + state + b"b."), UNKNOWN, "cannot be seen")
    many = b"}(" + b"".join(b"M" + struct.pack("<H", i) + b"N" for i in range(5000)) + text("__setstate__") + b"Nu"
    refused(scanned(made + many + b"b."), UNKNOWN, "more attributes")


def test_joblib_array_bytes_that_are_opcodes(scanned: Scanner) -> None:
    """One file, two readers: joblib.load passes over the array, pickle.load runs it."""
    payload = b"0cos\nsystem\n(S'id'\ntR."
    data = b"\x80\x03cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}("
    data += b"".join(
        b"X" + struct.pack("<I", len(k)) + k + v
        for k, v in {
            b"subclass": b"cnumpy\nndarray\n", b"shape": b"K" + bytes([len(payload)]) + b"\x85",
            b"order": b"X\x01\0\0\0C", b"dtype": b"cnumpy\ndtype\nX\x02\0\0\0u1\x89\x88\x87R", b"allow_mmap": b"\x89",
        }.items()
    )  # fmt: skip
    assert scanned(data + b"ub" + b"\0" * len(payload) + b".").verdict is Verdict.HELD
    framed = data[:2] + b"\x95" + struct.pack("<Q", len(data) + 3) + data[2:]
    refused(scanned(framed + b"ub" + b"\0" * len(payload) + b"."), UNKNOWN, "an array whose size")
    refused(scanned(data + b"ub" + payload + b"."), UNKNOWN, "os.system")


def test_torch_storage_in_a_plain_pickle(scanned: Scanner) -> None:
    """torch.storage._load_from_bytes is torch.load: its bytes are walked."""

    def model(inner: bytes) -> bytes:
        raw = b"B" + struct.pack("<I", len(inner)) + inner
        return b"\x80\x04" + stack_global("torch.storage", "_load_from_bytes") + raw + b"\x85R."

    assert scanned(model(pickle.dumps({}, 2))).verdict is Verdict.HELD
    refused(scanned(model(pickle.dumps(Gadget(os.system, "id"), 2))), CALL, "system")
    refused(scanned(model(b"what is this")), UNKNOWN, "no torch file")


def test_joblib_object_array(scanned: Scanner) -> None:
    """An object array in a joblib file is a pickle of its own in the stream."""
    np = pytest.importorskip("numpy")
    joblib = pytest.importorskip("joblib")
    buffer = io.BytesIO()
    joblib.dump(np.array([Gadget(os.system, "id")], dtype=object), buffer)
    refused(scanned(buffer.getvalue(), "m.joblib"), CALL, "system")


def test_npy_object_array(scanned: Scanner) -> None:
    """numpy.load(allow_pickle=True)."""
    np = pytest.importorskip("numpy")
    buffer = io.BytesIO()
    np.save(buffer, np.array([Gadget(os.system, "id")], dtype=object), allow_pickle=True)
    refused(scanned(buffer.getvalue()), CALL, "system")


def test_npz_object_array(scanned: Scanner) -> None:
    """The same inside an archive."""
    np = pytest.importorskip("numpy")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, a=np.zeros(3), b=np.array([Gadget(os.system, "id")], dtype=object))
    seen = scanned(buffer.getvalue())
    refused(seen, CALL, "system")
    assert seen.findings[0].place.path == "b.npy"
