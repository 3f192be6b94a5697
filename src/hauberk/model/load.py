"""One door for every model: look at what it is, and open it the way that is safe for its kind.

open_model("fraud.joblib", sandbox=Sandbox(), features=data.features)
open_model("digits.onnx", sandbox=Sandbox(), bounds=(0, 1))
open_model("http://127.0.0.1:8080/v2/models/fraud", sandbox=Sandbox())
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hauberk.core.canon import digest
from hauberk.core.errors import InputError, LimitExceeded, VerificationError
from hauberk.core.features import Features
from hauberk.core.limits import Limits

from . import remote
from .adapter import Adapter, Bounds
from .sniff import refuse, sniff, sniff_content

if TYPE_CHECKING:
    from hauberk.core.ports import Sandbox

Shape = tuple[int, ...] | None
MAX_BYTES = Limits().max_file_bytes
FILES = ("onnx", "pt2", "torchscript", *remote.KINDS)


def open_model(
    source: Path | str, *, sandbox: Sandbox, kind: str | None = None, features: Features = (),
    bounds: Bounds = None, classes: Sequence[str] | None = None, max_queries: int | None = None,
    shape: Shape = None, weights: Path | None = None, expected_digest: str | None = None,
    timeout_s: float = 300.0,
) -> Adapter:  # fmt: skip
    """The model at a path, an Open Inference Protocol URL, or `package.module:Class`.

    The file must have passed the artifact scan: joblib, pickle, skops, XGBoost and LightGBM are opened in
    `sandbox`, TorchScript in this process. kind: what it is; by default its content decides.
    features, shape: of the data that will come. classes: names of its classes, for an endpoint that does not
    say. weights: safetensors, for an import path. expected_digest: `sha256:…` of the bytes that were scanned
    (of a file; a folder of ONNX files is data alone, and is not compared here).
    Raises InputError, UnsupportedError (a kind that cannot be opened), VerificationError (other bytes).
    """
    found = kind or sniff(source)
    if found == "http":
        from .http import open_http

        return open_http(
            str(source), shape=shape, features=features, bounds=bounds, classes=classes,
            max_queries=max_queries, timeout_s=timeout_s,
        )  # fmt: skip
    if found == "torch":
        from .torch_module import open_import_path

        return open_import_path(str(source), weights, shape, bounds=bounds, max_queries=max_queries)
    path = Path(source)
    if path.is_dir() and found == "onnx":
        return _open_file(path, found, path.name, sandbox, features, bounds, max_queries, shape, timeout_s)
    content = _bytes(path, expected_digest)
    if kind is None and sniff_content(content) != found:
        raise InputError(f"{path}: it changed while it was read")
    return _open_file(content, found, path.name, sandbox, features, bounds, max_queries, shape, timeout_s)


def _open_file(
    content: bytes | Path, kind: str, name: str, sandbox: Sandbox, features: Features, bounds: Bounds,
    max_queries: int | None, shape: Shape, timeout_s: float,
) -> Adapter:  # fmt: skip
    if kind == "onnx":
        from .onnx import open_onnx

        return open_onnx(content, bounds=bounds, shape=shape, max_queries=max_queries, name=name)
    if isinstance(content, Path) or kind not in FILES:
        raise refuse(kind, name)
    if kind == "pt2":
        from .torch_module import open_pt2

        return open_pt2(content, shape, name=name, bounds=bounds, max_queries=max_queries)
    if kind == "torchscript":
        from .torch_module import open_torchscript

        return open_torchscript(content, shape, name=name, bounds=bounds, max_queries=max_queries)
    model = remote.open_remote(
        content, kind, sandbox, name=name, features=features, bounds=bounds,
        max_queries=max_queries, timeout_s=timeout_s,
    )  # fmt: skip
    if shape is not None and shape != model.shape:
        model.close()
        raise InputError(
            f"{name}: takes examples of shape {model.shape}, the data has {shape}",
            hint="give the data that the model was made for",
        )
    return model


def _bytes(path: Path, expected: str | None) -> bytes:
    """The file, read once: what was digested is what is opened."""
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise LimitExceeded(f"{path}: {size} bytes, the limit is {MAX_BYTES}")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}", hint="check the path") from error
    if expected is not None and digest(content) != expected:
        raise VerificationError(
            f"{path}: has digest {digest(content)}, expected {expected}", reason="digest",
            hint="the file changed since it was scanned",
        )  # fmt: skip
    return content
