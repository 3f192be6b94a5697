"""The Protocols that rooms meet through: Model, Dataset, Check, Runner, and what a check is given.

Arrays are NumPy arrays; NumPy is named for the type checker only and is never imported here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .canon import Json
from .limits import Limits

if TYPE_CHECKING:
    import subprocess

    import numpy as np
    from numpy.typing import NDArray

    from .features import Features
    from .nouns import Evidence, Subject

    Floats = NDArray[np.floating[Any]]
    Ints = NDArray[np.integer[Any]]

Progress = Callable[[int, int, str], None]
"""progress(done, total, note): told often, cheap, never fails."""


class Need(StrEnum):
    """What a check must be given."""

    ARTIFACT = "artifact"  # the model's bytes: a file or folder
    MODEL = "model"  # the model as a function
    GRADIENT = "gradient"  # … that can be differentiated
    REFIT = "refit"  # … of a family that can be trained again
    TEST = "test"  # labelled examples that the model was not trained on
    SIGNATURE = "signature"  # a signature on the model, and somebody to trust
    TRAIN = "train"  # labelled examples that it was trained on


class Model(Protocol):
    """A classifier as a function. It counts its queries: one per example shown."""

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example, without the batch axis."""
    @property
    def n_classes(self) -> int: ...
    @property
    def bounds(self) -> tuple[float, float] | None:
        """Smallest and largest value of any input element, or None where columns have their own bounds."""
    @property
    def label_only(self) -> bool:
        """True when `predict` answers with one-hot labels: there are no scores to read."""
    @property
    def queries(self) -> int:
        """Examples shown so far."""

    def predict(self, x: Floats) -> Floats:
        """x: (n, *shape) -> (n, n_classes) probabilities, rows sum to 1. Costs n queries.

        Raises LimitExceeded before the query budget would be passed.
        """

    def module(self) -> Any:
        """The same function as a torch.nn.Module: float32 (n, *shape) -> logits (n, n_classes).

        Raises UnsupportedError when there is no gradient, or it does not agree with `predict`.
        """

    def refit(self, x: Floats, y: Ints, seed: int) -> Model:
        """A fresh model of the same family and settings, trained on x, y.

        Raises UnsupportedError when the family cannot be trained again.
        """


class Dataset(Protocol):
    """Examples in memory. x: (n, *shape) float; y: (n,) int labels 0..k-1."""

    @property
    def name(self) -> str: ...
    @property
    def x(self) -> Floats: ...
    @property
    def y(self) -> Ints: ...
    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the labels 0..k-1."""
    @property
    def features(self) -> Features:
        """The schema of a table; empty for images and arrays."""
    @property
    def digest(self) -> str: ...


class Clock(Protocol):
    """Time as an argument."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...


class SystemClock:
    """The clock on the wall."""

    def now(self) -> datetime:
        """UTC now."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some start; never goes back."""
        return time.monotonic()


def stamp(moment: datetime) -> str:
    """A moment as Hauberk writes it: UTC, to the second.

    >>> stamp(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02T03:04:05Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def silent(done: int, total: int, note: str) -> None:
    """Progress that goes nowhere."""


@dataclass(frozen=True)
class Inputs:
    """What a check is given. subjects: by role (`model`, `test`, `train`)."""

    artifact: Path | None = None
    model: Model | None = None
    test: Dataset | None = None
    train: Dataset | None = None
    subjects: Mapping[str, Subject] = field(default_factory=dict)
    options: Mapping[str, Json] = field(default_factory=dict)
    progress: Progress = silent
    clock: Clock = field(default_factory=SystemClock)


class Check(Protocol):
    """Something that looks. `core.notebook.Notebook` makes writing one short.

    id: dotted, for ever. version: raise it whenever results may change. roles: the subjects it is about.
    defaults: its parameters and their default values. tools: distributions whose versions matter.
    """

    id: str
    version: str
    title: str
    needs: tuple[Need, ...]
    roles: tuple[str, ...]
    defaults: Mapping[str, Json]
    tools: tuple[str, ...]

    def run(self, inputs: Inputs, limits: Limits, seed: int) -> Evidence:
        """Look, and say what was seen. Raises InputError when the inputs do not fit together."""


class Sandbox(Protocol):
    """Starts a Python module in a process that has no network and cannot write outside its scratch folder."""

    @property
    def strength(self) -> str:
        """What confines the process, in words: `landlock + seccomp`; empty when nothing does."""

    def start(self, module: str, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        """`python -m module arguments…`, confined before the module is imported; stdin and stdout are pipes."""


@dataclass(frozen=True)
class Job:
    """A unit of work that can cross a process boundary: `module:function` and its plain JSON argument."""

    name: str
    function: str
    argument: Mapping[str, Json]


@dataclass(frozen=True)
class Done:
    """How a job ended: its plain JSON result, or the error that ended it."""

    job: Job
    result: Json = None
    error: Exception | None = None


class Runner(Protocol):
    """Where work runs: in process, in worker processes, on a cluster."""

    def run(self, jobs: Iterable[Job], progress: Callable[[Job, int, int, str], None]) -> Iterable[Done]:
        """Yield each job's end as it comes. Closing the iterator cancels what is left."""
