"""A model as its own process sees it: what it says about itself, how it answers, how it trains again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from hauberk.core.codec import Frozen
from hauberk.core.errors import InputError

from .probabilities import Reading

if TYPE_CHECKING:
    from hauberk.core.ports import Floats, Ints

MAX_CLASSES, MAX_FEATURES, MAX_TEXT = 100_000, 1_000_000, 500


@dataclass(frozen=True)
class Description(Frozen):
    """What a model says about itself. reading: how its answers are to be read.

    feature_names: the columns it was trained on, in order; empty when it saw a plain matrix. notes: warnings
    of its loader. Checked here, since it may come from a hostile process.
    """

    estimator: str
    classes: tuple[str, ...]
    n_features: int
    reading: str
    feature_names: tuple[str, ...] = ()
    refittable: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reading not in set(Reading):
            raise InputError(f"the model answers {self.reading[:40]!r}, which is not known")
        if not 2 <= len(self.classes) <= MAX_CLASSES or len(set(self.classes)) != len(self.classes):
            raise InputError(f"the model has {len(self.classes)} classes, expected 2 or more different ones")
        if not 0 < self.n_features <= MAX_FEATURES or len(self.feature_names) not in (0, self.n_features):
            raise InputError(f"the model has {self.n_features} features and {len(self.feature_names)} names")
        if any(len(text) > MAX_TEXT for text in (self.estimator, *self.classes, *self.feature_names, *self.notes)):
            raise InputError("the model describes itself with overlong names")

    @property
    def facts(self) -> dict[str, str]:
        """Short things to know, in reading order."""
        versions = ", ".join(f"{name} {version}" for name, version in sorted(self.versions.items()))
        found = {
            "estimator": self.estimator,
            "answers": self.reading,
            "classes": ", ".join(self.classes[:10]) + (" …" if len(self.classes) > 10 else ""),
            "features": str(self.n_features),
            "loaded with": versions,
        }
        return {name: text for name, text in found.items() if text}


class Served(Protocol):
    """A loaded model in its process. x: (n, columns) float; answers are read as `describe().reading`."""

    def describe(self) -> Description: ...
    def answer(self, x: Floats) -> Any: ...
    def refit(self, x: Floats, y: Ints, seed: int) -> Served: ...


def plain(text: object, limit: int = MAX_TEXT) -> str:
    """Text without control characters, cut to `limit`: safe for messages and frames."""
    cleaned = "".join(c if c.isprintable() else " " for c in str(text))
    return cleaned if len(cleaned) <= limit else cleaned[: limit - 1] + "…"
