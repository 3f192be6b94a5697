"""Models that lie elsewhere: an fsspec URL is copied into a folder of our own, within limits, and read there.

No network is used unless a URL is given. What is fetched is scanned like any other file; the name of the model is the
last part of its URL.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..core.errors import InputError, LimitExceeded, need
from ..core.limits import Limits
from ..core.ports import Progress, silent

PIECE = 1 << 22
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(://|::)")


def is_url(text: str) -> bool:
    """Whether this is a URL and no path.

    >>> is_url("s3://bucket/m.onnx"), is_url("models/m.onnx"), is_url("C:/m.onnx")
    (True, False, False)
    """
    return _SCHEME.match(text) is not None


def fetched(url: str, folder: Path, limits: Limits, progress: Progress = silent) -> Path:
    """Copy a file or a folder of files into `folder`; return where it lies.

    Raises InputError when it cannot be had, or a name in it leaves the folder; LimitExceeded beyond max_members,
    max_file_bytes or max_total_bytes; MissingExtra without fsspec.
    """
    fsspec = need("fsspec", extra="remote")
    try:
        system, root = fsspec.core.url_to_fs(url)
        sizes = _listed(system, root, url, limits)
        done, total = 0, sum(sizes.values())
        if total > limits.max_total_bytes:
            raise LimitExceeded(f"{url}: {total} bytes, the limit is {limits.max_total_bytes}")
        name = root.rstrip("/").rpartition("/")[2] or "model"
        for remote, size in sizes.items():
            progress(done, total, remote)
            _copy(system, remote, _place(folder, name, remote[len(root) :].lstrip("/"), url), limits)
            done += size
    except (OSError, ImportError, ValueError, NotImplementedError) as error:
        raise InputError(f"{url}: cannot be fetched: {error}", hint="check the URL and your credentials") from error
    return folder / name


def _listed(system: Any, root: str, url: str, limits: Limits) -> dict[str, int]:
    """The files below a root, with their sizes. Raises InputError, LimitExceeded."""
    if system.isfile(root):
        return {root: int(system.size(root) or 0)}
    found = {path: int(about.get("size") or 0) for path, about in system.find(root, detail=True).items()}
    if not found:
        raise InputError(f"{url}: there is nothing")
    if len(found) > limits.max_members:
        raise LimitExceeded(f"{url}: more than {limits.max_members} files")
    return found


def _place(folder: Path, name: str, inner: str, url: str) -> Path:
    place = folder / name / inner if inner else folder / name
    if not place.resolve().is_relative_to(folder.resolve()) or "\0" in str(place) or name in (".", ".."):
        raise InputError(f"{url}: the name {inner or name!r} leaves the folder")
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _copy(system: Any, remote: str, place: Path, limits: Limits) -> None:
    copied = 0
    with system.open(remote, "rb") as source, place.open("xb") as target:
        while piece := source.read(PIECE):
            copied += len(piece)  # the size that was listed is a claim
            if copied > limits.max_file_bytes:
                raise LimitExceeded(f"{remote}: more than {limits.max_file_bytes} bytes")
            target.write(piece)
