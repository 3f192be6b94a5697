"""What a worker process does for an audit: look at model and data once, then run one check at a time.

Jobs are plain JSON; what they load is kept in the process, so that a worker loads a model once.
The bytes that are loaded are the bytes that were scanned: their digest is compared before anything reads them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from hauberk.core.canon import Json, canonical, digest
from hauberk.core.codec import decode, encode
from hauberk.core.errors import HauberkError, InputError, MissingExtra, UnsupportedError
from hauberk.core.limits import Limits
from hauberk.core.nouns import Subject
from hauberk.core.ports import Inputs, Need, Progress

from .checks import check
from .conduct import BYTES, without_sandbox
from .config import AuditConfig
from .plan import Look

SAMPLE = 64
"""Examples shown in a first look: enough to see a wrong shape and to hold a converted graph against its model."""


@dataclass(frozen=True)
class Loaded:
    """Model and data in this process. unconfined: why a model that can run code runs without a sandbox."""

    model: Any
    test: Any
    train: Any
    subjects: Mapping[str, Subject]
    unconfined: str = ""


_KEPT: dict[bytes, Loaded] = {}


def look(argument: Mapping[str, Json], progress: Progress) -> Json:
    """A first look: do model and data fit, and what can be done with them. Returns plan.Look as plain JSON."""
    config = decode(AuditConfig, argument["config"])
    loaded = _loaded(argument)
    missing: dict[str, str] = {}
    for need, data, flag in ((Need.TEST, loaded.test, "data"), (Need.TRAIN, loaded.train, "train")):
        if data is None:
            missing[need] = f"no --{flag} was given"
    if loaded.test is not None:
        loaded.model.predict(loaded.test.x[:SAMPLE])
    for need, why in (
        (Need.GRADIENT, _why_no_gradient(loaded.model)),
        (Need.REFIT, _why_no_refit(loaded.model)),
    ):
        if why:
            missing[need] = why
    return cast(Json, encode(Look(_facts(config, loaded, missing), loaded.subjects, missing)))


def run_check(argument: Mapping[str, Json], progress: Progress) -> Json:
    """Run one check. Returns its Evidence as plain JSON."""
    item: Any = argument
    chosen = check(item["check"])
    limits = Limits(wall_s=item["wall_s"], queries=item["queries"])
    if chosen.id in BYTES:
        config = decode(AuditConfig, item["config"])
        loaded = Loaded(None, None, None, _subjects(argument))
        artifact = config.artifact
    else:
        loaded, artifact = _loaded(argument), None
        loaded.model.meter = _meter(limits.queries)
    inputs = Inputs(
        artifact, loaded.model, loaded.test, loaded.train, loaded.subjects, item["options"], progress=progress
    )
    evidence = chosen.run(inputs, limits, item["seed"])
    if loaded.unconfined and Need.MODEL in chosen.needs:
        evidence = without_sandbox(evidence, loaded.unconfined)
    return cast(Json, encode(evidence))


def _loaded(argument: Mapping[str, Json]) -> Loaded:
    key = canonical([argument["config"], argument["subjects"]])
    if key not in _KEPT:
        _KEPT.clear()
        _KEPT[key] = _load(decode(AuditConfig, argument["config"]), _subjects(argument))
    return _KEPT[key]


def _subjects(argument: Mapping[str, Json]) -> dict[str, Subject]:
    plain = cast(Mapping[str, Json], argument["subjects"])
    return {role: decode(Subject, subject) for role, subject in plain.items()}


def _load(config: AuditConfig, subjects: dict[str, Subject]) -> Loaded:
    test, train = _read(config)
    model, unconfined = _open(config, subjects, next((d for d in (train, test) if d is not None), None))
    test, train = (_relabelled(data, model, config) for data in (test, train))
    for role, data in (("test", test), ("train", train)):
        if data is not None:
            subjects[role] = Subject("dataset", data.name, data.digest)
    return Loaded(model, test, train, subjects, unconfined)


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
    """The data with labels numbered as the model numbers them."""
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
