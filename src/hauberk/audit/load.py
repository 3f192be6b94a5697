"""Loading model and data into this process, once for all checks that run in it.

The bytes that are loaded are the bytes that were scanned: their digest is compared before anything reads them.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hauberk.artifact.manifest import subject as artifact
from hauberk.core.canon import canonical, digest
from hauberk.core.codec import encode
from hauberk.core.errors import HauberkError, InputError, MissingExtra, UnsupportedError, VerificationError
from hauberk.core.nouns import Subject
from hauberk.core.ports import Need

from .config import AuditConfig


@dataclass(frozen=True)
class Loaded:
    """Model and data in this process.

    sandbox: what confines a model that can run code. unconfined: why nothing does.
    """

    model: Any
    test: Any
    train: Any
    subjects: Mapping[str, Subject]
    sandbox: str = ""
    unconfined: str = ""


HERE = ("onnx", "pt2", "torchscript")
"""Kinds that run in the process that measures them; the others have a process of their own, or are an endpoint."""

_KEPT: dict[bytes, Loaded] = {}


def _confine(config: AuditConfig) -> str:
    """Confine this process, if it is a worker and the model will run in it. Returns what confines it."""
    from hauberk.model.sniff import sniff
    from hauberk.run.own import confine_worker

    if config.artifact is None or config.weights or (config.kind or sniff(config.model)) not in HERE:
        return ""
    given = (config.model, config.data, config.train, config.labels)
    return confine_worker(Path(path) for path in given if path)


def load(config: AuditConfig, subjects: Mapping[str, Subject]) -> Loaded:
    """Model and data, from this process's memory where they are already there.

    A worker in which the model will run is confined first: call this before numerical libraries are imported.
    Raises InputError when they cannot be read or do not fit, VerificationError when the model's bytes changed.
    """
    key = canonical([encode(config), encode(subjects)])
    if key not in _KEPT:
        _KEPT.clear()
        _KEPT[key] = _load(config, subjects)
    return _KEPT[key]


def _load(config: AuditConfig, subjects: Mapping[str, Subject]) -> Loaded:
    from hauberk.run.sandbox import Sandbox

    confined = _confine(config)
    test, train = _read(config)
    sandbox, example = Sandbox(), train if train is not None else test
    model = _open(config, subjects.get("model"), sandbox, example)
    test, train = (_relabelled(data, model, config) for data in (test, train))
    found = {"model": subjects.get("model") or _without_bytes(config, model)}
    for role, data in (("test", test), ("train", train)):
        if data is not None:
            found[role] = Subject("dataset", data.name, data.digest)
    alone = hasattr(model, "description")
    strength = sandbox.strength if alone else confined
    unconfined = "this system offers no sandbox: the model ran with the user's rights" if alone and not strength else ""
    return Loaded(model, test, train, found, strength, unconfined)


def _open(config: AuditConfig, subject: Subject | None, sandbox: Any, example: Any) -> Any:
    from hauberk.model.load import open_model

    shape = config.shape or (example.shape if example is not None else None)
    if config.function:
        return _callable(config, shape, example)
    model = open_model(
        config.model, sandbox=sandbox, kind=config.kind, features=example.features if example is not None else (),
        bounds=config.bounds, classes=config.classes or None, shape=shape,
        weights=Path(config.weights) if config.weights else None,
        expected_digest=subject.digest if subject is not None and not config.weights else None,
    )  # fmt: skip
    _unchanged(config, subject)
    return model


def _unchanged(config: AuditConfig, subject: Subject | None) -> None:
    """What was read file by file is compared afterwards: a folder, and weights beside code.

    Raises VerificationError when it is not, or no longer, what was scanned.
    """
    path = config.artifact
    if subject is None or path is None or not (path.is_dir() or config.weights):
        return
    found = artifact(path).digest
    if found != subject.digest:
        raise VerificationError(
            f"{path}: has digest {found}, expected {subject.digest}", reason="digest",
            hint="it changed since it was scanned: audit it again",
        )  # fmt: skip


def _callable(config: AuditConfig, shape: tuple[int, ...] | None, example: Any) -> Any:
    """The user's own function, `python:module:function`, imported because the user named it."""
    from hauberk.model.callable import from_callable

    module, _, name = config.function.partition(":")
    classes = config.classes or (example.classes if example is not None else ())
    if shape is None or not classes:
        raise InputError(f"{config.model}: a function does not say its shape and classes", hint="give --data")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InputError(f"{config.model}: {error}", hint="python:package.module:function, on PYTHONPATH") from error
    return from_callable(function, shape, len(classes), config.bounds, name=config.function)


def _without_bytes(config: AuditConfig, model: Any) -> Subject:
    """The subject of an endpoint or a function: its digest is of what it says about itself."""
    kind = "endpoint" if config.remote else "code"
    name = urlsplit(config.model)._replace(query="", fragment="").geturl().rpartition("@")[2] or config.model
    told = {"model": name, "shape": list(model.shape), "classes": model.n_classes}
    return Subject(kind, name, digest(canonical(told)))


def _read(config: AuditConfig) -> tuple[Any, Any]:
    from hauberk.data import schema
    from hauberk.data.read import read

    def one(path: str | None, labels: str | None) -> Any:
        return read(path, target=config.target, features_config=config.features, labels=labels) if path else None

    test, train = one(config.data, config.labels), one(config.train, None)
    if test is None or train is None:
        return test, train
    if test.shape != train.shape:
        raise InputError(f"--data has examples of shape {test.shape}, --train of shape {train.shape}")
    if not test.features:
        return test, train
    features = schema.merge(train.features, test.features)
    return schema.apply(features, test), schema.apply(features, train)


def _relabelled(data: Any, model: Any, config: AuditConfig) -> Any:
    """The data with its labels numbered as the model numbers them."""
    from hauberk.data.schema import relabel

    if data is None:
        return None
    names: Sequence[str] = config.classes or getattr(model, "classes", ()) or data.classes
    if len(names) > model.n_classes:
        raise InputError(
            f"{data.name}: has {len(names)} labels, the model has {model.n_classes} classes",
            hint="give the data that the model was made for, or --classes with the model's labels in its order",
        )
    return relabel(data, names)


def no_gradient(model: Any) -> str:
    """Why the model cannot be differentiated; empty when it can. Costs a conversion, kept by the model."""
    try:
        model.module()
    except (UnsupportedError, MissingExtra) as error:
        return _why(error)
    return ""


def no_refit(model: Any) -> str:
    """Why a model of the same family cannot be trained; empty when it can."""
    return "" if model.refittable else "models of this format cannot be trained again"


def facts(loaded: Loaded, missing: Mapping[str, str]) -> dict[str, str]:
    """Short things to know about model and data, in reading order."""
    model = loaded.model
    told = dict(model.description.facts) if hasattr(model, "description") else {"classes": str(model.n_classes)}
    told["input"] = " × ".join(map(str, model.shape)) + _bounds(model.bounds)
    told["answers"] = "labels only" if model.label_only else "scores"
    told["gradient"] = missing.get(Need.GRADIENT, "yes")
    if loaded.sandbox:
        told["sandbox"] = loaded.sandbox
    for role, data in (("test data", loaded.test), ("training data", loaded.train)):
        if data is not None:
            told[role] = f"{data.name}, {len(data):,} examples"
    if notes := getattr(model, "notes", ()):
        told["notes"] = "; ".join(notes)
    return told


def _bounds(bounds: tuple[float, float] | None) -> str:
    return "" if bounds is None else f" in [{bounds[0]:g}, {bounds[1]:g}]"


def _why(error: HauberkError) -> str:
    return f"{error} ({error.hint})" if error.hint else str(error)
