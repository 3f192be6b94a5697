"""A table from .csv or .parquet through polars: numbers, booleans and text columns, one target column."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hauberk.core.canon import Json
from hauberk.core.errors import InputError, LimitExceeded, need
from hauberk.core.limits import Limits
from hauberk.model.dataset import Dataset

from . import read_labels, schema

MAX_CATEGORIES = 1000  # more different texts than this is free text or an id, not a category
CELL_BYTES = 8


def read_table(path: Path, kind: str, target: str | None, config: Mapping[str, Json], limits: Limits) -> Dataset:
    """The table with `target` as its labels. x is float64: whole columns of text become category codes.

    Raises InputError for a missing target, missing values, dates, nested columns, free text, damaged files.
    """
    frame = _load(path, kind, limits)
    if not frame.height:
        raise InputError(f"{path}: there are no rows")
    _check_target(path, target, frame.columns)
    dropped = {n for n, entry in config.items() if isinstance(entry, Mapping) and entry.get("drop") is True}
    if odd := sorted(dropped - set(frame.columns)):
        raise InputError(f"features.{odd[0]}: there is no such column", hint=", ".join(frame.columns))
    y, classes = read_labels.encode(_labels(path, frame[target]), f"{path}: column {target!r}")
    names = [n for n in frame.columns if n != target and n not in dropped]
    if not names:
        raise InputError(f"{path}: there is no column beside the target {target!r}")
    columns = {name: _column(path, frame[name]) for name in names}
    x = np.stack([values for values, _ in columns.values()], axis=1)
    _check_finite(path, names, x)
    categories = {name: texts for name, (_, texts) in columns.items() if texts is not None}
    x.flags.writeable = False
    dataset = Dataset(path.name, x, y, classes, schema.infer(names, x, categories))
    settings = {name: entry for name, entry in config.items() if name not in dropped}
    return schema.apply(schema.override(dataset.features, settings), dataset) if settings else dataset


def _load(path: Path, kind: str, limits: Limits) -> Any:
    pl = need("polars", extra="audit")
    try:
        return _csv(pl, path) if kind == "csv" else _parquet(pl, path, limits)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, UnicodeDecodeError) as error:
        why = str(error).partition("\n")[0][:200]
        raise InputError(f"{path}: cannot be read as {kind}: {why}", hint="copy or save it again") from error


def _csv(pl: Any, path: Path) -> Any:
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline(1 << 20)
    separator = max(",;\t", key=first.count) if any(c in first for c in ",;\t") else ","
    header = next(csv.reader(io.StringIO(first), delimiter=separator), [])
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise InputError(f"{path}: column {twice[0]!r} is there twice", hint="rename one of them")
    return pl.read_csv(path, separator=separator, infer_schema_length=None, glob=False)


def _parquet(pl: Any, path: Path, limits: Limits) -> Any:
    scan = pl.scan_parquet(path, glob=False)
    rows, columns = int(scan.select(pl.len()).collect().item()), len(scan.collect_schema())
    if rows * columns * CELL_BYTES > limits.max_file_bytes:
        raise LimitExceeded(f"{path}: {rows} rows of {columns} columns are more than the limit of memory")
    return scan.collect()


def _check_target(path: Path, target: str | None, columns: list[str]) -> None:
    listed = ", ".join(columns[:30]) + (" …" if len(columns) > 30 else "")
    if target is None:
        raise InputError(f"{path}: which column holds the labels is not said", hint=f"--target one of: {listed}")
    if target not in columns:
        close = difflib.get_close_matches(target, columns, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"columns: {listed}"
        raise InputError(f"{path}: there is no column {target!r}", hint=hint)


def _labels(path: Path, series: Any) -> Any:
    _check_missing(path, series)
    if _is_text(series):
        return np.array(series.cast(need("polars", extra="audit").String).to_list(), dtype=str)
    return _plain(path, series).to_numpy()


def _column(path: Path, series: Any) -> tuple[Any, tuple[str, ...] | None]:
    """The column as float64, and the texts behind its codes when it holds text."""
    _check_missing(path, series)
    if not _is_text(series):
        return _plain(path, series).to_numpy().astype(np.float64), None
    texts = series.cast(need("polars", extra="audit").String).to_numpy()
    names, codes = np.unique(texts.astype(str), return_inverse=True)
    if len(names) > MAX_CATEGORIES or (len(names) == len(codes) and len(codes) > 20):
        raise InputError(
            f"{path}: column {series.name!r} holds {len(names)} different texts in {len(codes)} rows",
            hint=f"leave it out ([features.{series.name}] drop = true), or encode it as the model expects",
        )
    return codes.astype(np.float64), tuple(str(n) for n in names)


def _is_text(series: Any) -> bool:
    pl = need("polars", extra="audit")
    return series.dtype in (pl.String, pl.Categorical, pl.Enum)


def _plain(path: Path, series: Any) -> Any:
    pl = need("polars", extra="audit")
    if series.dtype.is_temporal():
        raise InputError(
            f"{path}: column {series.name!r} holds {series.dtype}",
            hint="turn dates into numbers as the model's own preprocessing does, or drop the column",
        )
    if not series.dtype.is_numeric() and series.dtype != pl.Boolean:
        raise InputError(f"{path}: column {series.name!r} holds {series.dtype}", hint="numbers, booleans or text")
    return series.cast(pl.Float64) if series.dtype.is_decimal() else series


def _check_missing(path: Path, series: Any) -> None:
    if series.null_count():
        row = int(series.is_null().arg_max())
        raise InputError(
            f"{path}: column {series.name!r} has {series.null_count()} missing values, the first in row {row + 1}",
            hint="fill or drop them as the model's own preprocessing does",
        )


def _check_finite(path: Path, names: list[str], x: Any) -> None:
    bad = ~np.isfinite(x)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise InputError(
            f"{path}: column {names[column]!r} has NaN or infinite values, the first in row {row + 1}",
            hint="fill or drop them as the model's own preprocessing does",
        )
