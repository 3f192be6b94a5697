"""Read labelled examples from a file or folder: the content decides what it is, and must fit the name.

    read("test.npz")                         arrays x and y
    read("x.npy", labels="y.npy")            two arrays
    read("test.csv", target="default")       a table: .csv, .parquet
    read("photos/")                          an image folder: one subfolder a class

Everything that cannot be read safely, or does not fit together, is an InputError with a hint.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hauberk.core.canon import Json
from hauberk.core.errors import InputError, UnsupportedError
from hauberk.core.limits import Limits
from hauberk.model.dataset import Dataset

from . import read_arrays, read_images, read_table

SUFFIXES = {".npz": "npz", ".npy": "npy", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".pq": "parquet"}
MAGICS = {
    b"PK\x03\x04": "npz", b"PK\x05\x06": "npz", b"\x93NUMPY": "npy", b"PAR1": "parquet", b"\x80": "pickle",
    b"\x89HDF": "hdf5", b"\x1f\x8b": "gzip", b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg",
}  # fmt: skip
KNOWN = ".npz, .npy, .csv, .tsv, .parquet, or a folder with one subfolder of images for each class"


def read(
    path: Path | str,
    *,
    target: str | None = None,
    features_config: Mapping[str, Json] | None = None,
    labels: Path | str | None = None,
    limits: Limits = Limits(),  # noqa: B008  (frozen)
) -> Dataset:
    """The data set at `path`: x float32 (float64 for tables and float64 arrays), y 0..k-1.

    target: the label column of a table (needed there). labels: a .npy file beside a .npy of examples.
    features_config: hauberk.toml's [features], see `data.schema.override`; `drop = true` leaves a column out.
    Images come as (n, channels, height, width) in [0, 1]; arrays as they are.
    Raises InputError (content, names, values), UnsupportedError (another format), LimitExceeded (too large).
    """
    source, config = Path(path), features_config or {}
    kind = sniff(source)
    if kind == "folder":
        return read_images.read_folder(source, limits)
    _check_size(source, limits)
    if kind in ("csv", "parquet"):
        return read_table.read_table(source, kind, target, config, limits)
    if kind == "npz":
        return read_arrays.read_npz(source, config, limits)
    return read_arrays.read_npy(source, None if labels is None else Path(labels), config, limits)


def sniff(path: Path) -> str:
    """What is there, by its first bytes: folder, npz, npy, csv or parquet.

    Raises InputError when there is nothing, the file is empty, or name and content disagree;
    UnsupportedError for another format.
    """
    if path.is_dir():
        return "folder"
    if not path.is_file():
        raise InputError(f"{path}: no such file or folder", hint="check the path")
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise InputError(f"{path}: the file is empty")
    found = next((kind for magic, kind in MAGICS.items() if head.startswith(magic)), "csv")
    if found == "csv" and b"\0" in head:
        found = "unknown binary"
    named = SUFFIXES.get(path.suffix.lower())
    if named is not None and named != found:
        got = "text" if found == "csv" else found
        raise InputError(f"{path}: the name says {named}, the content is {got}", hint="rename or replace it")
    if found not in SUFFIXES.values():
        hint = "pickles are never loaded as data; save" if found == "pickle" else "give"
        raise UnsupportedError(f"{path}: {found} is not a data format that is read", hint=f"{hint} {KNOWN}")
    return found


def _check_size(path: Path, limits: Limits) -> None:
    size = path.stat().st_size
    if size > limits.max_file_bytes:
        raise InputError(f"{path}: {size} bytes, the limit is {limits.max_file_bytes}")
