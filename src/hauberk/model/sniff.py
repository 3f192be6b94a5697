"""What kind of model a file is, by its content: magic bytes and the layout of zips, never the name alone.

>>> sniff_content(b"tree\\nversion=v4\\n")
'lightgbm'
>>> sniff_content(b'{"learner":{"attributes":{}}}')
'xgboost'
"""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import IO

from hauberk.core.errors import InputError, UnsupportedError

HEAD_BYTES = 1 << 16
ZIP = b"PK\x03\x04"
IMPORT_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x5d\x00\x00", b"\x04\x22\x4d\x18")
ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
OLD_PICKLE = re.compile(rb"[(\]}]|c[\w.]+\n[\w.]+\n|\(lp|\(dp|ccopy_reg")
ONNX_FIELDS = {1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26}  # ModelProto, onnx.proto
HINTS = {
    "torch-pickle": "save it by torch.export or torch.jit, or give package.module:Class and safetensors weights",
    "safetensors": "weights need their code: give package.module:Class and these as weights",
    "keras": "export it to ONNX",
    "hdf5": "export it to ONNX",
    "gguf": "language models are scanned and signed, not attacked",
    "unknown": "known: ONNX, .pt2, TorchScript, joblib, pickle, skops, XGBoost, LightGBM, http://…, module:Class",
}


def sniff(source: Path | str) -> str:
    """The kind of a model at a path, URL or import path.

    One of: onnx, pt2, torchscript, joblib, skops, xgboost, lightgbm, http, torch (an import path); or a kind
    that cannot be opened: torch-pickle, safetensors, keras, hdf5, gguf, unknown.
    Raises InputError when there is no such file, or it is empty.
    """
    text = str(source)
    if re.match(r"https?://", text):
        return "http"
    path = Path(source)
    if path.is_dir():
        return "onnx" if len(list(path.glob("*.onnx"))) == 1 else "unknown"
    if path.is_file():
        return _sniff_file(path)
    if IMPORT_PATH.fullmatch(text):
        return "torch"
    raise InputError(f"{source}: no such file", hint="check the path")


def sniff_content(content: bytes) -> str:
    """The kind of a model in these bytes. Raises InputError when there are none."""
    if not content:
        raise InputError("the model file is empty")
    if content.startswith(ZIP):
        return _zip_kind(io.BytesIO(content))
    return _flat_kind(content, len(content))


def _sniff_file(path: Path) -> str:
    """As `sniff_content`, without reading a large file whole."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if head.startswith(ZIP):
            return _zip_kind(file)
    if not head:
        raise InputError(f"{path}: the model file is empty")
    return _flat_kind(head, path.stat().st_size)


def _flat_kind(content: bytes, size: int) -> str:
    """The kind by the first bytes of a file of `size` that is no zip."""
    if content.startswith(b"GGUF"):
        return "gguf"
    if content.startswith(b"\x89HDF\r\n"):
        return "hdf5"
    if content.startswith((b"tree\n", b"tree\r\n")) and b"version=" in content[:200]:
        return "lightgbm"
    if content.startswith(b"{") and b"learner" in content[:400]:
        return "xgboost"
    if _is_safetensors(content, size):
        return "safetensors"
    if _is_pickle(content):
        return "joblib"
    return "onnx" if _is_onnx(content) else "unknown"


def refuse(kind: str, name: str) -> UnsupportedError:
    """The error for a kind that cannot be opened as a model."""
    what = "not a model format that is known" if kind == "unknown" else f"{kind} cannot be opened as a model"
    return UnsupportedError(f"{name}: {what}", hint=HINTS.get(kind, HINTS["unknown"]))


def _zip_kind(file: IO[bytes]) -> str:
    try:
        names = zipfile.ZipFile(file).namelist()
    except (zipfile.BadZipFile, ValueError) as error:
        raise InputError(f"the model file is a damaged zip archive: {error}", hint="copy it again") from error
    inner = {name.partition("/")[2] if "/" in name else name for name in names}
    if "schema.json" in names:
        return "skops"
    if {"config.json", "metadata.json"} <= set(names):
        return "keras"
    if "archive_format" in inner or "serialized_exported_program.json" in names:
        return "pt2"
    if "constants.pkl" in inner or any(name.startswith("code/") for name in inner):
        return "torchscript"
    return "torch-pickle" if "data.pkl" in inner else "unknown"


def _is_pickle(content: bytes) -> bool:
    if content[0] == 0x80 and len(content) > 1:
        return content[1] <= 5
    return content.startswith(COMPRESSED) or bool(ZLIB.match(content)) or bool(OLD_PICKLE.match(content))


def _is_safetensors(content: bytes, size: int) -> bool:
    header = int.from_bytes(content[:8], "little")
    return size > 8 and content[8:9] == b"{" and 2 <= header <= min(size - 8, 100_000_000)


def _is_onnx(content: bytes) -> bool:
    """Whether the bytes begin as a protobuf message with the fields of ONNX's ModelProto."""
    at, seen = 0, 0
    while at < len(content) and seen < 4:
        key, at = _varint(content, at)
        field, wire = key >> 3, key & 7
        if field not in ONNX_FIELDS or wire not in (0, 2):
            return False
        value, at = _varint(content, at)
        at += value if wire == 2 else 0
        seen += 1
    return seen > 0


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while at < len(content) and shift < 64:
        value |= (content[at] & 0x7F) << shift
        at += 1
        if content[at - 1] < 0x80:
            return value, at
        shift += 7
    return 0, len(content)
