"""PyTorch classifiers, white-box: a module in memory, TorchScript, `torch.export` (.pt2), or a class by import path.

    model = from_torch(net, shape=(1, 28, 28), bounds=(0, 1))

Inference mode, CPU, weights without gradients. `predict` and `module` are one and the same function.
"""

from __future__ import annotations

import contextlib
import copy
import io
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hauberk.core.errors import HauberkError, InputError, UnsupportedError, need

from .adapter import Adapter, Bounds, Signature
from .meter import QueryMeter
from .probabilities import Reading
from .served import plain
from .sniff import IMPORT_PATH

if TYPE_CHECKING:
    from hauberk.core.ports import Floats, Ints, Model

BATCH_BYTES = 32 << 20


class TorchModel(Adapter):
    """A torch module that answers logits. ending: what was found at its end, in words."""

    def __init__(self, module: Any, signature: Signature, meter: QueryMeter, ending: str) -> None:
        batch = max(1, min(1024, BATCH_BYTES // (4 * int(np.prod(signature.shape)))))
        super().__init__(signature, meter, batch=batch, reading=Reading.LOGITS)
        self._module, self.ending = module, ending

    def module(self) -> Any:
        """The torch.nn.Module itself: float32 (n, *shape) -> logits (n, n_classes), in eval mode."""
        return self._module

    @property
    def refittable(self) -> bool:
        """Whether fresh weights can be trained in its architecture: not in an exported or scripted graph."""
        from .torch_train import can_retrain

        return can_retrain(self._module)

    def refit(self, x: Floats, y: Ints, seed: int) -> Model:
        """The same architecture with fresh weights, trained on x, y until it fits as well as this model does.

        Raises UnsupportedError for an exported or scripted graph, InputError when x, y do not fit.
        """
        from .torch_train import retrained

        if not self.refittable:
            raise UnsupportedError(
                f"{self.name}: an exported or scripted graph cannot be trained again",
                hint="give package.module:Class and safetensors weights",
            )
        x = self._fitting(x, y)
        return TorchModel(retrained(self._module, x, y, seed), self.signature, QueryMeter(), self.ending)

    def _answer(self, x: Floats) -> Any:
        torch = need("torch", extra="torch")
        with torch.inference_mode():
            return self._module(torch.from_numpy(np.array(x, dtype=np.float32))).numpy()


def from_torch(
    module: Any, shape: tuple[int, ...], bounds: Bounds = None, *, name: str = "", max_queries: int | None = None
) -> TorchModel:
    """A model from a torch.nn.Module in memory. It is copied; yours is left as it is.

    It is shown a few random examples to see what it answers: (n, k) logits or probabilities, (n, 1) or
    (n,) the score of class 1; a tuple's first tensor, or a mapping's or object's `logits`. A softmax or
    sigmoid at the end is left out where it can be found, elsewhere its logarithm is taken (float32
    probabilities that round to 1 then give no gradient: `ending` says so).
    Raises UnsupportedError for another answer.
    """
    return _adapted(_copied(module), tuple(shape), bounds, name or type(module).__name__, max_queries)


def open_torchscript(
    content: bytes, shape: tuple[int, ...] | None, *, name: str, bounds: Bounds = None, max_queries: int | None = None
) -> TorchModel:
    """A model from TorchScript bytes. Call it only on what the artifact scan allowed: loading runs its code.

    Raises InputError for damaged bytes or a missing shape.
    """
    torch = need("torch", extra="torch")
    with _loading(name, "TorchScript"):
        module = torch.jit.load(io.BytesIO(content), map_location="cpu")
    if shape is None:
        raise InputError(f"{name}: TorchScript does not say its input shape", hint="give data, or the shape")
    return _adapted(module, shape, bounds, name, max_queries)


def open_pt2(
    content: bytes, shape: tuple[int, ...] | None = None,
    *, name: str, bounds: Bounds = None, max_queries: int | None = None,
) -> TorchModel:  # fmt: skip
    """A model from a `torch.export` archive. What could run code in it is refused before torch reads it.

    Raises InputError for damaged bytes or another shape, UnsupportedError for several inputs or unknown operators.
    """
    from .pt2 import check_archive, input_shape

    torch = need("torch", extra="torch")
    check_archive(content, name)
    with _loading(name, "torch.export"):
        program = torch.export.load(io.BytesIO(content))
        module = program.module()
    batch, own = input_shape(program, name)
    if shape is not None and own != shape:
        raise InputError(f"{name}: takes examples of shape {own}, not {shape}", hint="give the data it was made for")
    if batch is not None:
        from .torch_layers import fixed_batch

        module = fixed_batch(module, batch)
    return _adapted(module, own, bounds, name, max_queries)


def open_import_path(
    path: str, weights: Path | None, shape: tuple[int, ...] | None,
    *, bounds: Bounds = None, max_queries: int | None = None,
) -> TorchModel:  # fmt: skip
    """A model from `package.module:Class` (called without arguments) and safetensors weights.

    This imports the user's own code into this process, since the user named it.
    Raises InputError when it cannot be imported, is no module, or the weights do not fit.
    """
    module_name, _, attribute = path.partition(":")
    if not IMPORT_PATH.fullmatch(path):
        raise InputError(f"{path!r} is no import path", hint="package.module:Class")
    with _loading(path, "import path"), _current_folder():
        target: Any = import_module(module_name)
        for part in attribute.split("."):
            target = getattr(target, part)
        module = target() if callable(target) and not _is_module(target) else target
    if not _is_module(module):
        raise InputError(f"{path}: gives a {plain(type(module).__name__)}, not a torch.nn.Module")
    if weights is not None:
        _load_weights(module, weights)
    if shape is None:
        raise InputError(f"{path}: a module does not say its input shape", hint="give data, or the shape")
    return _adapted(_copied(module), shape, bounds, path, max_queries)


def _adapted(module: Any, shape: tuple[int, ...], bounds: Bounds, name: str, max_queries: int | None) -> TorchModel:
    from .torch_layers import as_logits

    frozen(module)
    try:
        logits, n_classes, ending = as_logits(module, shape, bounds or (0.0, 1.0), name)
    except HauberkError:
        raise
    except Exception as error:  # a stranger's forward may raise anything; it becomes one kind of error
        raise InputError(
            f"{name}: cannot run on examples of shape {shape}: {plain(error, 300)}",
            hint="give data of the shape that the model was trained on",
        ) from error
    return TorchModel(logits, Signature(name, shape, n_classes, bounds), QueryMeter(max_queries), ending)


def frozen(module: Any) -> None:
    """Eval mode (an exported graph has no other), and no gradients for weights."""
    with contextlib.suppress(NotImplementedError):
        module.eval()
    for parameter in module.parameters():
        parameter.requires_grad_(False)


def _copied(module: Any) -> Any:
    if not _is_module(module):
        raise InputError(f"a {plain(type(module).__name__)} is not a torch.nn.Module")
    return copy.deepcopy(module).cpu()


def _is_module(thing: Any) -> bool:
    return isinstance(thing, need("torch", extra="torch").nn.Module)


def _load_weights(module: Any, weights: Path) -> None:
    load_file = need("safetensors.torch", extra="torch").load_file
    if not weights.is_file():
        raise InputError(f"{weights}: no such file", hint="check the path of the weights")
    with _loading(str(weights), "safetensors"):
        module.load_state_dict(load_file(weights))


@contextlib.contextmanager
def _loading(name: str, what: str) -> Iterator[None]:
    try:
        yield
    except HauberkError:
        raise
    except Exception as error:  # loaders raise anything on bad bytes; it becomes one kind of error
        raise InputError(f"{name}: cannot be loaded as {what}: {plain(error, 300)}") from error


@contextlib.contextmanager
def _current_folder() -> Iterator[None]:
    """Import from the folder that the user stands in, as `python -m` does."""
    sys.path.insert(0, "")
    try:
        yield
    finally:
        sys.path.remove("")
