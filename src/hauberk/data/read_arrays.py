"""Examples from .npz and .npy files. Headers are checked against the file before anything is allocated."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from hauberk.core.canon import Json
from hauberk.core.errors import InputError, LimitExceeded
from hauberk.core.features import Features
from hauberk.core.limits import Limits
from hauberk.model.dataset import Dataset

from . import read_labels, schema

if TYPE_CHECKING:
    from hauberk.core.ports import Floats

X_KEYS = ("x", "X", "images", "data", "features", "inputs", "x_test", "X_test", "x_train", "X_train")
Y_KEYS = ("y", "Y", "labels", "label", "target", "targets", "y_test", "y_train")
CLASS_KEYS = ("classes", "class_names", "target_names")
COLUMN_KEYS = ("feature_names", "columns")
BOMB_FLOOR = 64 << 20  # smaller members are no bomb, however well they pack
HINT = "save it with numpy.savez(path, x=..., y=...)"


def read_npz(path: Path, config: Mapping[str, Json], limits: Limits) -> Dataset:
    """x and y (under their usual names) of an .npz; with names of columns or a [features], x is a table.

    Raises InputError for object arrays, damaged archives, and keys that are missing or ambiguous.
    """
    arrays = _load_members(path, limits)
    x = arrays[_pick(path, arrays, X_KEYS, "examples")]
    y = arrays[_pick(path, arrays, Y_KEYS, "labels")]
    names = next((tuple(str(n) for n in arrays[k].ravel()) for k in CLASS_KEYS if k in arrays), ())
    columns = next((tuple(str(n) for n in arrays[k].ravel()) for k in COLUMN_KEYS if k in arrays), ())
    return _dataset(path, x, y, names, columns, config)


def read_npy(path: Path, labels: Path | None, config: Mapping[str, Json], limits: Limits) -> Dataset:
    """Examples from one .npy, labels from another."""
    if labels is None:
        raise InputError(f"{path}: a .npy file has no labels", hint="give the labels' .npy too, or one .npz")
    if not labels.is_file():
        raise InputError(f"{labels}: no such file", hint="check the path of the labels")
    return _dataset(path, _load_file(path, limits), _load_file(labels, limits), (), (), config)


def _dataset(
    path: Path, x: Any, y: Any, classes: tuple[str, ...], columns: tuple[str, ...], config: Mapping[str, Json]
) -> Dataset:
    if x.dtype.kind not in "fiub":
        raise InputError(f"{path}: examples are {x.dtype}, expected numbers", hint=HINT)
    if x.ndim < 2 or 0 in x.shape:
        raise InputError(f"{path}: examples have shape {x.shape}", hint="expected (examples, …), not empty")
    codes, names = read_labels.encode(y, str(path), classes)
    if len(codes) != len(x):
        raise InputError(f"{path}: {len(x)} examples and {len(codes)} labels", hint="give one label an example")
    x.flags.writeable = False
    plain = Dataset(path.name, x, codes, names)
    features = _features(path, plain.x, columns, config)
    if not features:
        return plain
    inferred = Dataset(path.name, plain.x, codes, names, features)
    return schema.apply(schema.override(features, config), inferred)


def _features(path: Path, x: Floats, columns: tuple[str, ...], config: Mapping[str, Json]) -> Features:
    if not columns and not config:
        return ()
    if x.ndim != 2:
        raise InputError(f"{path}: examples of shape {x.shape[1:]} have no columns to configure")
    names = columns or tuple(f"x{j}" for j in range(x.shape[1]))
    if len(names) != x.shape[1] or len(set(names)) != len(names):
        raise InputError(f"{path}: {len(set(names))} different column names for {x.shape[1]} columns")
    return schema.infer(names, x)


def _pick(path: Path, arrays: Mapping[str, Any], keys: tuple[str, ...], what: str) -> str:
    found = [key for key in keys if key in arrays]
    if len(found) == 1:
        return found[0]
    held = ", ".join(sorted(arrays)) or "nothing"
    if not found:
        raise InputError(f"{path}: no array of {what}; it holds {held}", hint=f"name it {keys[0]!r}")
    raise InputError(f"{path}: {' and '.join(found)} could all be the {what}", hint="save one set to a file")


def _load_members(path: Path, limits: Limits) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(path, members, limits)
            return {m.filename.removesuffix(".npy"): _load_member(path, archive, m) for m in members}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise InputError(f"{path}: damaged archive: {error}", hint="copy or save it again") from error


def _check_members(path: Path, members: list[zipfile.ZipInfo], limits: Limits) -> None:
    if len(members) > limits.max_members or sum(m.file_size for m in members) > limits.max_file_bytes:
        raise LimitExceeded(f"{path}: its members are too many or too large when unpacked")
    for member in members:
        if not member.filename.endswith(".npy"):
            raise InputError(f"{path}: holds {member.filename[:80]!r}, which is no array", hint=HINT)
        if member.file_size > BOMB_FLOOR and member.file_size > limits.max_ratio * max(member.compress_size, 1):
            raise LimitExceeded(
                f"{path}: {member.filename[:80]} unpacks from {member.compress_size} to {member.file_size} bytes",
                hint="save it uncompressed (numpy.savez) if it is yours",
            )


def _load_member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Any:
    with archive.open(member) as file:
        return _load(file, member.file_size, f"{path}: {member.filename[:80]}")


def _load_file(path: Path, limits: Limits) -> Any:
    size = path.stat().st_size
    if size > limits.max_file_bytes:
        raise LimitExceeded(f"{path}: {size} bytes, the limit is {limits.max_file_bytes}")
    with path.open("rb") as file:
        return _load(file, size, str(path))


def _load(file: IO[bytes], size: int, where: str) -> Any:
    """One array, after its header was held against the size of what is there."""
    try:
        version = np.lib.format.read_magic(file)
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = reader(file)
    except ValueError as error:
        raise InputError(f"{where}: not a .npy array: {str(error)[:200]}", hint=HINT) from error
    if dtype.hasobject:
        raise InputError(
            f"{where}: an array of Python objects, which only unpickling could read",
            hint="save numbers or text: numpy.asarray(values, dtype=float)",
        )
    if dtype.kind not in "fiubUS":
        raise InputError(f"{where}: an array of {dtype}", hint="save numbers or text")
    expected, held = math.prod(shape) * dtype.itemsize, size - file.tell()
    if expected != held or any(side < 0 for side in shape):
        raise InputError(
            f"{where}: the header says {expected} bytes, the file has {held}", hint="copy or save it again"
        )
    return _values(file, shape, fortran, dtype, expected)


def _values(file: IO[bytes], shape: tuple[int, ...], fortran: bool, dtype: np.dtype[Any], n_bytes: int) -> Any:
    content = bytearray(n_bytes)
    view, at = memoryview(content), 0
    while at < n_bytes:
        piece = file.read(min(1 << 24, n_bytes - at))
        if not piece:
            raise EOFError("it ends early")
        view[at : at + len(piece)] = piece
        at += len(piece)
    if n_bytes == 0:
        return np.zeros(shape, dtype)
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")
