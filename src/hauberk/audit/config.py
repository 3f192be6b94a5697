"""What an audit is asked to do: the flags of `hauberk audit`, or one file, `hauberk.toml`.

    [audit]
    model = "model.joblib"
    data = "test.parquet"
    train = "train.parquet"
    target = "default"

    [features.age]
    immutable = true

    [checks."attack.evasion"]
    eps = 0.1

>>> parse({"audit": {"model": "m.onnx", "seed": 3}}, Path("/srv")).model
'/srv/m.onnx'
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hauberk.core.canon import Json
from hauberk.core.codec import Frozen, decode
from hauberk.core.errors import InputError

PATHS = ("model", "data", "train", "labels", "weights", "output")
IMPORT = re.compile(r"(python:)?[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


@dataclass(frozen=True)
class AuditConfig(Frozen):
    """One audit. Paths are as given by the user, or absolute when they come from a file.

    model: a file, a folder, an http(s) URL of an Open Inference Protocol model, `package.module:Class` of a torch
    module with its `weights` in safetensors, or `python:module:function`.
    kind: the model's format where its bytes do not say. shape: of one example. bounds: of any input element.
    max_seconds, max_queries: for the whole audit; they are shared out among its checks.
    """

    model: str
    data: str | None = None
    train: str | None = None
    target: str | None = None
    labels: str | None = None
    weights: str | None = None
    kind: str | None = None
    shape: tuple[int, ...] | None = None
    bounds: tuple[float, float] | None = None
    classes: tuple[str, ...] = ()
    output: str = "dossier"
    seed: int = 0
    jobs: int | None = None
    max_seconds: float | None = None
    max_queries: int | None = None
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    features: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    checks: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)

    @property
    def remote(self) -> bool:
        """Whether the model is an endpoint."""
        return self.model.startswith(("http://", "https://"))

    @property
    def function(self) -> str:
        """`module:function` when the model is the user's own Python function; else empty."""
        return self.model.removeprefix("python:") if self.model.startswith("python:") else ""

    @property
    def artifact(self) -> Path | None:
        """The model's bytes, where it has some."""
        if self.weights is not None:
            return Path(self.weights)
        return None if self.remote or _imported(self.model) else Path(self.model)


def load(path: Path) -> AuditConfig:
    """Read hauberk.toml. Raises InputError that names the key that does not fit."""
    try:
        plain = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", hint="give the path of a hauberk.toml") from error
    except ValueError as error:
        raise InputError(f"{path}: not valid TOML: {error}") from error
    return parse(plain, path.resolve().parent)


def parse(plain: Mapping[str, Any], folder: Path) -> AuditConfig:
    """The configuration in a parsed hauberk.toml; relative paths are relative to `folder`."""
    if unknown := sorted(set(plain) - {"audit", "features", "checks"}):
        raise InputError(
            f"hauberk.toml: unknown table [{unknown[0]}]", hint="it knows [audit], [features.*] and [checks.*]"
        )
    audit = dict(plain.get("audit", {}))
    audit |= {name: _absolute(audit[name], folder) for name in PATHS if isinstance(audit.get(name), str)}
    tables = {name: plain.get(name, {}) for name in ("features", "checks")}
    return decode(AuditConfig, audit | tables, "hauberk.toml")


def _absolute(value: str, folder: Path) -> str:
    if value.startswith(("http://", "https://")) or _imported(value):
        return value
    return os.path.normpath(folder / value)


def _imported(model: str) -> bool:
    return IMPORT.fullmatch(model) is not None and not Path(model).exists()


def merge(config: AuditConfig | None, given: Mapping[str, Any]) -> AuditConfig:
    """Flags laid over a file's configuration. Raises InputError when no model is named at all."""
    settings = {name: value for name, value in given.items() if value is not None}
    if config is not None:
        return replace(config, **settings)
    if "model" not in settings:
        raise InputError("no model is named", hint="hauberk audit model.onnx --data test.npz")
    return AuditConfig(**settings)
