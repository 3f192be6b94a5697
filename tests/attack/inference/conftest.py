"""Data and models for membership inference: real tables, an overfit forest, a regularised line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hauberk.core.limits import Limits
from hauberk.core.nouns import Evidence, Subject
from hauberk.core.ports import Inputs
from hauberk.model.callable import from_callable
from hauberk.model.dataset import Dataset

Trainer = Callable[[Any, Any, int], Callable[[Any], Any]]


def forest(x: Any, y: Any, seed: int) -> Callable[[Any], Any]:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(50, random_state=seed).fit(x, y).predict_proba  # type: ignore[no-any-return]


def line(x: Any, y: Any, seed: int) -> Callable[[Any], Any]:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=0.1).fit(x, y).predict_proba  # type: ignore[no-any-return]


def overlapping(rows: int, columns: int, seed: int, *, shift: float = 0.0) -> tuple[Any, Any]:
    """Two Gaussian classes that overlap: an overfit model has something to memorise."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, rows)
    x = rng.normal(size=(rows, columns)) + 0.5 * y[:, None] + shift
    return x, y


@pytest.fixture
def trainers() -> dict[str, Trainer]:
    return {"forest": forest, "line": line}


@pytest.fixture
def overlap() -> Callable[..., Dataset]:
    def build(name: str, rows: int, columns: int = 5, *, seed: int, shift: float = 0.0) -> Dataset:
        x, y = overlapping(rows, columns, seed, shift=shift)
        return Dataset(name, x, y, ("no", "yes"))

    return build


@pytest.fixture
def audit() -> Callable[..., Evidence]:
    """audit(trainer, train, test, limits=…, seed=…, **options) -> Evidence of attack.membership."""

    def run(
        trainer: Trainer, train: Dataset, test: Dataset, *, limits: Limits | None = None, seed: int = 0,
        answer: Callable[[Any], Any] = lambda scores: scores, **more: Any,
    ) -> Evidence:  # fmt: skip
        from hauberk.attack.inference.check import MEMBERSHIP

        def trained(x: Any, y: Any, seed: int) -> Callable[[Any], Any]:
            scores = trainer(x, y, seed)
            return lambda rows: answer(scores(rows))

        model = from_callable(
            trained(train.x, train.y, 99), train.x.shape[1:], len(train.classes), trainer=trained
        )
        subjects = {r: Subject(r, r, "sha256:" + "0" * 64) for r in ("model", "train", "test")}
        clock = {"clock": more.pop("clock")} if "clock" in more else {}
        inputs = Inputs(model=model, train=train, test=test, subjects=subjects, options=more, **clock)
        return MEMBERSHIP.run(inputs, limits or Limits(), seed)

    return run
