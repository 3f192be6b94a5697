"""A model file that may run code when it is loaded: it is opened in a sandboxed process of its own.

    model = open_remote(Path("fraud.joblib").read_bytes(), "joblib", Sandbox(), name="fraud.joblib")

The bytes that the caller read, scanned and digested go through the pipe: the process never opens the file.
The process may be hostile once it has loaded them. It can answer wrong numbers; it cannot crash the parent,
keep it waiting beyond a timeout, or make it allocate more than a frame may hold.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from hauberk.core.canon import digest
from hauberk.core.codec import decode, encode
from hauberk.core.errors import InputError, LimitExceeded, UnsupportedError, VerificationError
from hauberk.core.features import Features

from .adapter import Adapter, Bounds, Signature
from .meter import QueryMeter
from .process import Process
from .served import Description, plain

if TYPE_CHECKING:
    from hauberk.core.ports import Floats, Ints, Model, Sandbox

KINDS = ("joblib", "skops", "xgboost", "lightgbm")
SERVER = "hauberk.model.server"
BATCH_BYTES = 64 << 20


class RemoteModel(Adapter):
    """A model in another process. `close` ends the process; so does losing the last model that uses it."""

    def __init__(
        self, process: Process, handle: int, description: Description, signature: Signature, meter: QueryMeter
    ) -> None:
        batch = max(1, BATCH_BYTES // (8 * max(description.n_features, len(description.classes))))
        super().__init__(signature, meter, batch=batch, reading=description.reading)
        self.description, self._process, self._handle = description, process, handle
        weakref.finalize(self, process.discard, handle)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of `predict`'s columns."""
        return self.description.classes

    @property
    def refittable(self) -> bool:
        """Whether its process says that it can be trained again."""
        return self.description.refittable

    def close(self) -> None:
        """End the process, and with it every model trained again from this one."""
        self._process.close()

    def _answer(self, x: Floats) -> Any:
        limit = 1024 + 8 * len(x) * self.n_classes
        reply = self._process.ask({"command": "predict", "handle": self._handle}, {"x": _floats(x)}, max_body=limit)
        if set(reply.arrays) != {"answer"}:
            raise InputError(f"{self.name}: its process sent no answer")
        return reply.arrays["answer"]

    def refit(self, x: Floats, y: Ints, seed: int) -> Model:
        """A fresh model of the same family and settings, trained in the same process.

        Raises UnsupportedError when it cannot be trained again.
        """
        if not self.description.refittable:
            raise UnsupportedError(
                f"{self.name}: {self.description.estimator} cannot be trained again",
                hint="give the scikit-learn estimator as .joblib or .skops",
            )
        arrays = {"x": _floats(self._fitting(x, y)), "y": np.asarray(y, dtype=np.int64)}
        reply = self._process.ask({"command": "refit", "handle": self._handle, "seed": int(seed)}, arrays)
        handle, described = reply.head.get("handle"), _described(reply.head.get("description"), self.name)
        if type(handle) is not int or described.classes != self.classes:
            raise InputError(f"{self.name}: its process answered with another model")
        return RemoteModel(self._process, handle, described, self.signature, QueryMeter())


def open_remote(
    content: bytes, kind: str, sandbox: Sandbox,
    *, name: str, features: Features = (), bounds: Bounds = None, max_queries: int | None = None,
    expected_digest: str | None = None, timeout_s: float = 300.0,
) -> RemoteModel:  # fmt: skip
    """Start a process in the sandbox, hand it the bytes, and return what it loaded as a model.

    kind: joblib (also a plain pickle), skops, xgboost, lightgbm. features: the schema of the data that will
    come: category codes are turned back into text, columns are matched by name. timeout_s: of any one answer.
    Raises VerificationError when the content is not what `expected_digest` names; UnsupportedError, InputError
    for what the process could not load.
    """
    if kind not in KINDS:
        raise UnsupportedError(f"{name}: {kind!r} is not opened in a process", hint="kinds: " + ", ".join(KINDS))
    if expected_digest is not None and digest(content) != expected_digest:
        raise VerificationError(
            f"{name}: the content has digest {digest(content)}, expected {expected_digest}", reason="digest"
        )
    process = Process(sandbox, SERVER, what=name, timeout_s=timeout_s)
    try:
        head = {"command": "open", "kind": kind, "features": encode(features)}
        reply = process.ask(head, {"content": np.frombuffer(content, np.uint8)})
        described = _described(reply.head.get("description"), name)
        signature = Signature(name, (described.n_features,), len(described.classes), bounds)
        return RemoteModel(process, 0, described, signature, QueryMeter(max_queries))
    except (InputError, LimitExceeded):
        process.close()
        raise


def _described(plain_json: Any, name: str) -> Description:
    try:
        return decode(Description, plain_json)
    except InputError as error:
        raise InputError(f"{name}: its process describes it badly: {plain(error, 200)}") from error


def _floats(x: Any) -> Any:
    return x if x.dtype in (np.float32, np.float64) else x.astype(np.float32)
