"""A model's own process: it loads one file, and answers frames on stdin with frames on stdout.

    python -m hauberk.model.server      (started by a Sandbox, which confines it before this is imported)

Commands: open(kind, features; content) -> description; predict(handle; x) -> answer;
refit(handle, seed; x, y) -> handle; close. Whatever the file does, it does here.
"""

from __future__ import annotations

import io
import itertools
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from hauberk.core.codec import decode, encode
from hauberk.core.errors import HauberkError, InputError, UnsupportedError, need
from hauberk.core.features import Feature, Features

from .served import Served, plain
from .sklearn import Estimator, quiet
from .trees import LightgbmModel, XgboostModel
from .wire import Message, pack, unpack

MAX_BODY = 16 << 30


def load(kind: str, content: bytes, features: Features) -> Served:
    """The model in these bytes. kind: joblib (also a plain pickle), skops, xgboost or lightgbm.

    joblib RUNS whatever the file says. Call this only where that can do no harm.
    """
    if kind not in LOADERS:
        raise UnsupportedError(f"a model's process cannot load {plain(kind, 40)!r}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = LOADERS[kind](content)
    if kind in ("xgboost", "lightgbm"):
        return (XgboostModel if kind == "xgboost" else LightgbmModel)(content, features)
    notes = tuple(dict.fromkeys(plain(w.message, 300) for w in caught))[:5]
    return Estimator(quiet(model), features, notes=notes)


def _unsafe_load_joblib(content: bytes) -> Any:
    return need("joblib", extra="audit").load(io.BytesIO(content))


def _load_skops(content: bytes) -> Any:
    skops = need("skops.io", extra="audit")
    if untrusted := skops.get_untrusted_types(data=content):
        raise UnsupportedError(
            "the skops file asks for types that skops does not trust: " + plain(", ".join(untrusted), 300),
            hint="build the model from types of scikit-learn, or save it as .joblib to have it run in the sandbox",
        )
    return skops.loads(content, trusted=[])


LOADERS: dict[str, Callable[[bytes], Any]] = {
    "joblib": _unsafe_load_joblib,
    "skops": _load_skops,
    "xgboost": lambda content: None,
    "lightgbm": lambda content: None,
}


class Session:
    """The models of one process, by handle: 0 is the file's, the others were trained again from it."""

    def __init__(self) -> None:
        self._models: dict[int, Served] = {}
        self._handles = itertools.count(1)

    def handle(self, message: Message) -> bytes:
        """The frame that answers a message."""
        head = message.head
        for gone in head.get("release", ()):  # type: ignore[union-attr]
            self._models.pop(gone, None)  # type: ignore[arg-type]
        command = head.get("command")
        if command == "open":
            return self._open(message)
        model = self._models.get(head.get("handle"))  # type: ignore[arg-type]
        if model is None:
            raise InputError("no such model in this process")
        if command == "predict":
            answer = np.asarray(model.answer(message.arrays["x"]))
            return pack({"ok": True}, {"answer": answer.astype(_wire_type(answer))})
        if command == "refit":
            return self._refit(model, message)
        raise InputError("no such command")

    def _open(self, message: Message) -> bytes:
        features = decode(tuple[Feature, ...], message.head.get("features"))
        content = message.arrays["content"].tobytes()
        self._models[0] = load(str(message.head.get("kind")), content, features)
        return pack({"ok": True, "description": encode(self._models[0].describe())})

    def _refit(self, model: Served, message: Message) -> bytes:
        seed = int(message.head["seed"])  # type: ignore[arg-type]
        fresh, handle = model.refit(message.arrays["x"], message.arrays["y"], seed), next(self._handles)
        self._models[handle] = fresh
        return pack({"ok": True, "handle": handle, "description": encode(self._models[handle].describe())})


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer frames until the stream ends or `close` comes. An error is an answer, not an end."""
    session = Session()
    while True:
        try:
            message = unpack(source.read, max_body=MAX_BODY, what="the parent")
        except EOFError:
            return
        if message.head.get("command") == "close":
            return
        sink.write(_answered(session, message))
        sink.flush()


def _answered(session: Session, message: Message) -> bytes:
    try:
        return session.handle(message)
    except HauberkError as error:
        kind = "unsupported" if isinstance(error, UnsupportedError) else "input"
        return _failed(kind, str(error), error.hint)
    except (Exception, SystemExit) as error:  # noqa: BLE001  the model is a stranger's: its error is our answer
        return _failed("input", f"{type(error).__name__}: {error}", _hint(error))


def _failed(kind: str, message: str, hint: str) -> bytes:
    return pack({"ok": False, "error": kind, "message": plain(message), "hint": plain(hint)})


def _hint(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"the model needs the module {error.name}: install it beside hauberk"
    return ""


def _wire_type(answer: Any) -> Any:
    return np.float32 if answer.dtype == np.float32 else np.float64 if answer.dtype.kind == "f" else np.int64


def main() -> None:
    """Keep stdin and stdout for frames alone: whatever the model reads or prints goes nowhere."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    sys.stdin, sys.stdout = open(os.devnull), open(os.devnull, "w")  # noqa: SIM115
    serve(source, sink)


if __name__ == "__main__":
    main()
