"""Sealed models straight into memory: opened, scanned there, and only then loaded. Nothing of them reaches the disk.

    model = open_sealed_onnx(Path("fraud.onnx.sealed"), [OpeningKey.load("serving.key")], bounds=(0, 1))
    arrays = open_sealed_weights(Path("net.safetensors.sealed"), ByDecision(release, context))
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hauberk.artifact.route import walk_content
from hauberk.artifact.walk import Walk
from hauberk.core.errors import UnsupportedError, VerificationError
from hauberk.core.limits import Limits
from hauberk.core.nouns import Severity
from hauberk.crypto.open import Keys, open_sealed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hauberk.model.onnx import OnnxModel

NUMPY = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "I16": "<i2", "U16": "<u2", "F16": "<f2", "I32": "<i4", "U32": "<u4",
    "F32": "<f4", "C64": "<c8", "F64": "<f8", "I64": "<i8", "U64": "<u8",
}  # fmt: skip


def open_sealed_onnx(
    path: Path, keys: Keys, limits: Limits | None = None, *, bounds: tuple[float, float] | None = None,
    shape: tuple[int, ...] | None = None,
) -> OnnxModel:  # fmt: skip
    """An ONNX classifier out of a sealed file. bounds, shape: as of `open_onnx`.

    Raises VerificationError as `open_sealed`, and (findings) when the scan does not hold; else as `open_onnx`.
    """
    from hauberk.model.onnx import open_onnx

    limits = limits or Limits()
    content = _scanned(path, open_sealed(path, keys, limits), limits, "onnx")
    return open_onnx(bytes(content), bounds=bounds, shape=shape, name=_name(path), limits=limits)


def open_sealed_weights(path: Path, keys: Keys, limits: Limits | None = None) -> dict[str, NDArray[Any]]:
    """The tensors of a sealed safetensors file by name: read-only views of the one copy in memory.

    Raises VerificationError as `open_sealed_onnx`; UnsupportedError for types that NumPy does not have (bfloat16,
    float8): give the memory of `open_sealed` to `safetensors.torch.load` instead.
    """
    from hauberk.artifact.weights.safetensors_file import read_safetensors

    limits = limits or Limits()
    items = read_safetensors(_scanned(path, open_sealed(path, keys, limits), limits, "safetensors")).items
    return {name: _array(name, tensor) for name, tensor in zip(items[::2], items[1::2], strict=True)}


def _scanned(path: Path, content: memoryview, limits: Limits, form: str) -> memoryview:
    """The content, when it is of that format and the scan found nothing and left nothing out."""
    walk = Walk(limits, walk_content)
    walk.name = _name(path)
    walk.enter(content, "")
    if walk.formats.get("") != form:
        raise UnsupportedError(f"{path}: holds {walk.formats.get('') or 'nothing known'}, expected {form}")
    told = [f.message for f in walk.flaws if f.severity is not Severity.INFO]
    told += [f"{what}: {why}" for what, why in walk.skipped]
    if told:
        hint = "open it to a file and scan that, to see everything"
        raise VerificationError(f"{path}: the scan does not hold: {told[0]}", reason="findings", hint=hint)
    return content


def _array(name: str, tensor: Any) -> NDArray[Any]:
    import numpy as np

    if getattr(tensor, "dtype", "") not in NUMPY:
        raise UnsupportedError(f"{name}: NumPy has no type for it", hint="safetensors.torch.load(open_sealed(…))")
    return np.frombuffer(tensor.storage.data, NUMPY[tensor.dtype]).reshape(tensor.shape)


def _name(path: Path) -> str:
    return path.name.removesuffix(".sealed")
