"""`model.quality`: what the model does on clean data. The control that every attack is read against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from hauberk.core.canon import Json, Scalar
from hauberk.core.errors import InputError, LimitExceeded
from hauberk.core.exhibits import Chart, Line, Table
from hauberk.core.limits import Limits
from hauberk.core.notebook import Notebook
from hauberk.core.nouns import Evidence, Place, Severity
from hauberk.core.ports import Dataset, Inputs, Need
from hauberk.core.stats import Interval, bootstrap, clopper_pearson, exact, rate

from ..setting import percent, stratified

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hauberk.core.ports import Floats, Ints

BINS = 15  # of equal width, as Guo et al. 2017 (arXiv:1706.04599)
RESAMPLES = 400
MAX_SHOWN = 20
"""Classes in the confusion table: beyond that nobody reads it."""
BATCH = 2048


class Quality:
    """Accuracy, per class and balanced, and calibration, with intervals.

    samples: use at most so many examples, every class in proportion; None for as many as the query budget bears.
    """

    id: str = "model.quality"
    version: str = "2"
    title: str = "Quality on clean data"
    needs: tuple[Need, ...] = (Need.MODEL, Need.TEST)
    roles: tuple[str, ...] = ("model", "test")
    tools: tuple[str, ...] = ("numpy",)

    defaults: Mapping[str, Json] = MappingProxyType({"samples": None})

    def run(self, inputs: Inputs, limits: Limits, seed: int) -> Evidence:
        """Show the model every test example once, or a sample where the budget does not last for all."""
        book = Notebook(self, inputs, limits, seed)
        if inputs.model is None or inputs.test is None:
            raise InputError("model.quality: needs a model and labelled test data")
        rows = _rows(book, inputs.test)
        scores = _scores(book, inputs.test.x[rows])
        if not len(scores):
            book.skip("model.quality", "the budget did not last for one batch")
            return book.evidence()
        y = inputs.test.y[rows[: len(scores)]]
        _accuracy(book, scores, y, inputs.test.classes)
        if not inputs.model.label_only:
            _calibration(book, scores, y)
        _degenerate(book, scores.argmax(axis=1), y)
        return book.evidence()


def calibration_error(confidence: Floats, right: NDArray[np.bool_], bins: int = BINS) -> float:
    """Expected calibration error (Guo et al. 2017): mean |accuracy - confidence| over bins, by their size.

    >>> calibration_error(np.array([0.9, 0.9]), np.array([True, False]))
    0.4
    """
    which = np.minimum((np.asarray(confidence) * bins).astype(int), bins - 1)
    gaps = np.bincount(which, np.asarray(confidence) - right, bins)
    return round(float(np.abs(gaps).sum() / max(1, len(confidence))), 12)


def _rows(book: Notebook, data: Dataset) -> Ints:
    """The examples to show: all, or a sample that the parameter or the query budget allows."""
    everything, wanted = len(data.y), book.parameters["samples"]
    n = min(everything, wanted) if isinstance(wanted, int) else everything
    if book.limits.queries is not None and book.limits.queries < n:
        n = book.limits.queries
        book.note("settled_examples", n)
    return stratified(data.y, n, book.seed)


def _scores(book: Notebook, x: Floats) -> Floats:
    """Probabilities for as many examples as the time allows."""
    model, parts = book.inputs.model, []
    assert model is not None
    for i in range(0, len(x), BATCH):
        book.inputs.progress(i, len(x), "clean examples")
        try:
            book.check_time()
            parts.append(model.predict(x[i : i + BATCH]))
        except LimitExceeded as spent:
            book.skip("model.quality: the remaining examples", str(spent))
            break
    return np.concatenate(parts) if parts else np.zeros((0, model.n_classes))


def _accuracy(book: Notebook, scores: Floats, y: Ints, names: Sequence[str]) -> None:
    said = scores.argmax(axis=1)
    right = said == y
    book.measure(rate("accuracy", int(right.sum()), len(y)))
    rows: list[tuple[Scalar, ...]] = []
    for label in np.unique(y):
        mine = right[y == label]
        share = clopper_pearson(int(mine.sum()), len(mine))
        book.measure(share.measurement("class_accuracy", unit="share", at={"class": _name(names, label)}))
        rows.append((_name(names, label), len(mine), round(share.value, 4), round(share.low, 4), round(share.high, 4)))
    balanced = _bootstrap([(int(t), bool(r)) for t, r in zip(y, right, strict=True)], book.seed)
    book.measure(balanced.measurement("balanced_accuracy", unit="share"))
    book.measure(exact("majority_rate", float(np.bincount(y).max() / len(y)), unit="share", n=len(y)))
    columns = ("class", "examples", "accuracy", "low", "high")
    book.show(Table("quality.classes", "Accuracy by class", columns, tuple(rows)))
    _confusion(book, said, y, names)


def _confusion(book: Notebook, said: Ints, y: Ints, names: Sequence[str]) -> None:
    """Rows: true classes; columns: answers; the largest classes only, where there are many."""
    k = max(int(said.max()), int(y.max())) + 1
    counts = np.zeros((k, k), int)
    np.add.at(counts, (y, said), 1)
    shown = np.sort(np.argsort(-np.bincount(y, minlength=k), kind="stable")[:MAX_SHOWN])
    rows: tuple[tuple[Scalar, ...], ...] = tuple(
        (_name(names, t), *(int(counts[t, s]) for s in shown)) for t in shown
    )
    wrong = tuple((i, j + 1) for i, t in enumerate(shown) for j, s in enumerate(shown) if t != s and counts[t, s])
    title = "Confusion: rows are true classes, columns what the model says"
    book.show(Table("quality.confusion", title, ("true", *(_name(names, s) for s in shown)), rows, wrong))


def _calibration(book: Notebook, scores: Floats, y: Ints) -> None:
    top, right = scores.max(axis=1), scores.argmax(axis=1) == y
    pairs = np.stack([top, right], axis=1)
    random = np.random.default_rng(book.seed)
    value = calibration_error(top, right)
    draws = [pairs[random.integers(len(pairs), size=len(pairs))] for _ in range(RESAMPLES)]
    errors = [calibration_error(draw[:, 0], draw[:, 1] > 0) for draw in draws]
    low, high = (float(end) for end in np.quantile(errors, [0.025, 0.975]))
    interval = Interval(value, min(low, value), max(high, value), 0.95, len(y), "bootstrap percentile")
    book.measure(interval.measurement("ece", unit="share"))
    which = np.minimum((top * BINS).astype(int), BINS - 1)
    bins = [(which == b) for b in range(BINS) if (which == b).any()]
    x = tuple(float(top[b].mean()) for b in bins)
    shares = [clopper_pearson(int(right[b].sum()), int(b.sum())) for b in bins]
    ends = [tuple(getattr(share, end) for share in shares) for end in ("value", "low", "high")]
    seen = Line("observed", x, *ends)
    book.show(Chart("quality.reliability", "Reliability: is it as often right as it says?", "confidence", "accuracy",
                    (seen, Line("perfect", (0.0, 1.0), (0.0, 1.0)))))  # fmt: skip


def _degenerate(book: Notebook, said: Ints, y: Ints) -> None:
    """A model no better than always saying one thing tells nothing by withstanding attacks."""
    majority = float(np.bincount(y).max() / len(y))
    share = clopper_pearson(int((said == y).sum()), len(y))
    constant = len(np.unique(said)) == 1 and len(np.unique(y)) > 1
    if not constant and (share.low > majority or len(np.unique(y)) < 2):
        return
    what = f"the model gives one answer for all {len(y)} examples"
    if not constant:
        what = (f"accuracy {percent(share.value)} (low end {percent(share.low)}) is not above the majority rate "
                f"{percent(majority)}")  # fmt: skip
    book.find(
        "model.quality.degenerate", Severity.HIGH if constant else Severity.MEDIUM, "model", Place(),
        what + ": what it withstands says nothing about robustness",
        remedy="check labels, preprocessing and class order against those of training, then train again",
        references=("AISVS-11.1.3",),
    )  # fmt: skip


def _balanced(pairs: Sequence[tuple[int, bool]]) -> float:
    truth = np.array([t for t, _ in pairs])
    right = np.array([r for _, r in pairs], float)
    total = np.bincount(truth)
    return float((np.bincount(truth, right)[total > 0] / total[total > 0]).mean())


def _bootstrap(pairs: list[tuple[int, bool]], seed: int) -> Interval:
    if len(pairs) < 2:
        value = _balanced(pairs)
        return Interval(value, 0.0, 1.0, 0.95, len(pairs), "no interval from one example")
    return bootstrap(pairs, _balanced, seed, resamples=200)


def _name(names: Sequence[str], label: int) -> str:
    return names[label] if label < len(names) else str(label)


QUALITY = Quality()
