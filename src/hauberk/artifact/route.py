"""Which walker reads which bytes: by their content, never by a file name's extension."""

from __future__ import annotations

from collections.abc import Callable

from ..core.errors import InputError
from ..core.nouns import Place, Severity
from .formats import archive, compressed, keras, lightgbm, npy, onnx, pickle, safetensors, tar, torch, xgboost, zip
from .formats.opcodes import Broken
from .walk import UNKNOWN, Walk

Sniff = Callable[[memoryview], bool]
Walker = Callable[[Walk, memoryview, str], object]

EXECUTABLE = {
    b"\x7fELF": "an ELF executable or library",
    b"MZ": "a Windows executable or library",
    b"\xcf\xfa\xed\xfe": "a macOS executable or library",
    b"\xca\xfe\xba\xbe": "a macOS or Java executable",
    b"#!": "a script",
}
HDF5, HDF5_PLACES = b"\x89HDF\r\n\x1a\n", tuple(512 << n for n in range(16))
"""HDF5 lets a block of the user's own stand before its mark, of 512 bytes or any power of two above."""
UNREAD = {
    HDF5: "HDF5",
    b"GGUF": "GGUF",
    b"\x04\x22\x4d\x18": "LZ4",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!": "RAR",
    b"\x08\x00\x00\x00TFL3": "TensorFlow Lite",
    b"CBM1": "CatBoost",
    b"<?xml": "XML",
    b"PAR1": "Parquet",
}
"""Formats that are recognised and not read yet: an honest `inconclusive`."""

FORMATS: tuple[tuple[str, Sniff, Walker], ...] = (
    ("zip", zip.sniff, archive.walk),
    ("npy", npy.sniff, npy.walk),
    ("compressed", compressed.sniff, compressed.walk),
    ("xgboost", xgboost.sniff, xgboost.walk),
    ("lightgbm", lightgbm.sniff, lightgbm.walk),
    ("torch legacy", torch.sniff_legacy, torch.walk_legacy),
    ("pickle", pickle.begins, pickle.walk_pickle),
    ("safetensors", safetensors.sniff, safetensors.walk),
    ("tar", tar.sniff, tar.walk),
    ("onnx", onnx.sniff, onnx.walk),
)


def walk_content(walk: Walk, data: memoryview, path: str) -> None:
    """Walk bytes of any format. What no walker knows is a skip, never a pass."""
    head = bytes(data[:64])
    if executable := next((what for magic, what in EXECUTABLE.items() if head.startswith(magic)), ""):
        _executable(walk, path, executable)
        return
    if unread := next((what for magic, what in UNREAD.items() if magic in head[:12] and head.startswith(magic)), ""):
        walk.formats[path] = unread
        walk.skip(path or "the file", f"{unread} is recognised, but not read yet")
        return
    for name, sniff, walker in FORMATS:
        if sniff(data):
            walk.formats[path] = name
            _guarded(walk, walker, data, path, name)
            if not name.endswith(("pickle", "legacy")) and pickle.is_pickle(walk, data):
                _polyglot(walk, data, path, name)
            _two_faced(walk, data, path, name)
            return
    _unclaimed(walk, data, path)


def _polyglot(walk: Walk, data: memoryview, path: str, name: str) -> None:
    """Bytes of one format that an unpickler would run as well."""
    remedy = "do not load this file; no honest writer makes such bytes"
    message = f"this {name} file is a pickle as well: what it does depends on who reads it"
    walk.flaw("artifact.polyglot", Severity.HIGH, Place(path), message, remedy, ("CWE-436",))
    pickle.walk_pickle(walk, data, path)


def _two_faced(walk: Walk, data: memoryview, path: str, name: str) -> None:
    """Formats whose mark may stand behind a beginning of another one: torch opens such a tar, Keras such an HDF5."""
    remedy = "do not load this file; no honest writer makes such bytes"
    other = "HDF5" if any(bytes(data[at : at + 8]) == HDF5 for at in HDF5_PLACES) else ""
    if name not in ("tar", "zip") and tar.sniff(data):
        other = "tar"
    if other:
        message = f"this {name} file is {other} as well: what it does depends on who reads it"
        walk.flaw("artifact.polyglot", Severity.HIGH, Place(path), message, remedy, ("CWE-436",))


def _guarded(walk: Walk, walker: Walker, data: memoryview, path: str, name: str) -> None:
    try:
        walker(walk, data, path)
    except Broken as error:
        remedy = "do not load this file; download it again and compare the digest"
        rule = f"artifact.{name.partition(' ')[0]}.broken"
        walk.flaw(rule, Severity.HIGH, Place(path, f"byte {error.at}"), f"{name}: {error}", remedy)
    except InputError as error:
        walk.skip(path or "the file", f"{name}: {error}")


def _unclaimed(walk: Walk, data: memoryview, path: str) -> None:
    """No magic: an old pickle, data that is only text, or nothing that we know."""
    if len(data) and pickle.is_pickle(walk, data):
        walk.formats[path] = "pickle"
        pickle.walk_pickle(walk, data, path)
    elif keras.is_json(data):
        walk.formats[path] = "json"
        keras.walk_json(walk, data, path)
    else:
        walk.formats[path] = UNKNOWN
        walk.skip(path or "the file", "its format is not known" if len(data) else "it is empty")


def _executable(walk: Walk, path: str, what: str) -> None:
    walk.formats[path] = what
    remedy = "a model needs no program beside it; remove it, or ask why it is there"
    walk.flaw("artifact.executable", Severity.HIGH, Place(path), f"this is {what}", remedy, ("CWE-506",))
