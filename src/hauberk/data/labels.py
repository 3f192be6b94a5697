"""`data.labels`: training labels that are wrong, by accident or by an attacker's hand.

Confident learning names the suspects. How far to believe it is measured on the spot: labels are flipped on
purpose in a copy, and the share of them that is found again (`labels.power_recall`) is part of the evidence.
Where less than half is found, or labels hardly follow from the data, there is no verdict; classes that the model
hardly knows are left out of it, and named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from hauberk.core.canon import Json
from hauberk.core.errors import InputError
from hauberk.core.exhibits import Table
from hauberk.core.notebook import Notebook
from hauberk.core.nouns import Place, Severity
from hauberk.core.ports import Need
from hauberk.core.stats import Interval, clopper_pearson, rate

from .confident import Count, Suspects, condensed, contradicted, judged, planted, suspects

if TYPE_CHECKING:
    from hauberk.core.limits import Limits
    from hauberk.core.nouns import Evidence
    from hauberk.core.ports import Dataset, Floats, Inputs, Ints

FEWEST = 100
"""Rows below which neither a forest nor an interval says much."""

LEAST_FLIPS = 20
"""Flips planted at least: recall of fewer has an interval wider than half its range."""

BLIND = 0.5
"""When less than this share of planted flips is found, the absence of findings means nothing."""

DEAF = 0.4
"""When a forest avoids less than this share of a constant guess's errors, labels hardly follow from the data: hard
rows then look like flips even where it is surest. Honest tables below: credit default 0.2, pima 0.3, and within
the classes opel and saab of vehicle 0.39 and 0.38."""

QUIET = 0.005
"""Contradictions among the surest rows that clean data reaches (magic, spambase, satimage: up to 0.5 %)."""

SEVERE = ((0.05, Severity.HIGH), (0.01, Severity.MEDIUM), (0.0, Severity.LOW))
"""By the estimated flip rate: 1 % moves decision boundaries, 5 % costs accuracy and hides a backdoor well."""

HARD = "a wrong label cannot be told from a hard row"
ADVICE = "have a sample labelled a second time and count how many differ, or add columns that explain the label"
SHOWN = 50
REFERENCES = ("AML.T0020", "ML02:2023", "AISVS-1.3.1")
REMEDY = (
    "have the listed rows labelled again by someone who does not see the given label; if they share a source, "
    "a time or a labeller, look at everything from there; then train again without what cannot be settled"
)


@dataclass(frozen=True)
class Examined:
    """The rows that were looked at (of the training data), condensed, with labels 0..k-1 that all occur."""

    rows: Ints
    x: Floats
    y: Ints
    labels: Ints

    @property
    def k(self) -> int:
        """Labels that occur."""
        return len(self.labels)


class Labels:
    """most_rows: most rows that are judged. planted_share: share of labels flipped to measure the power."""

    id = "data.labels"
    version = "1"
    title = "Label errors"
    needs: tuple[Need, ...] = (Need.TRAIN,)
    roles: tuple[str, ...] = ("train",)
    defaults: Mapping[str, Json] = MappingProxyType({"most_rows": 20_000, "planted_share": 0.02})
    tools: tuple[str, ...] = ("numpy", "scikit-learn")

    def run(self, inputs: Inputs, limits: Limits, seed: int) -> Evidence:
        """Judge every label. Raises InputError without training data or for a bad option."""
        book = Notebook(self, inputs, limits, seed)
        if inputs.train is None:
            raise InputError("data.labels needs training data")
        share, data = _share(book), _examined(book, inputs.train)
        if len(data.y) < FEWEST or data.k < 2:
            book.skip("labels", f"{len(data.y)} rows of {data.k} classes; at least {FEWEST} of 2 are needed")
            return book.evidence()
        inputs.progress(0, 2, "judging labels")
        answers = judged(data.x, data.y, seed)
        unclear = [label for label, known in enumerate(skills(answers, data.y)) if known < DEAF]
        found, sure = suspects(answers, data.y), contradicted(answers, data.y, unclear)
        book.measure(rate("labels.suspect_share", len(found.rows), len(data.y)))
        book.measure(rate("labels.flip_rate", sure.hits, sure.n))
        inputs.progress(1, 2, "measuring the power on planted flips")
        recall = _power(book, data, share)
        if recall is not None:
            blind = _blind(recall, skill(answers, data.y), len(unclear) == data.k)
            _conclude(book, found, sure, recall, blind, len(data.y))
            if unclear and not blind:
                names = ", ".join(_name(inputs.train, data.labels[label]) for label in unclear[:5])
                book.skip(f"labels of {len(unclear)} of {data.k} classes", f"{names}: {HARD}; {ADVICE}")
        if len(found.rows):
            book.show(_table(inputs.train, data, answers, found))
        inputs.progress(2, 2, "judging labels")
        return book.evidence()


def _share(book: Notebook) -> float:
    share = book.parameters["planted_share"]
    if not isinstance(share, float) or not 0 < share < 0.5:
        raise InputError(f"data.labels: planted_share is {share!r}, expected a number between 0 and 0.5")
    return share


def _examined(book: Notebook, train: Dataset) -> Examined:
    most, n = book.parameters["most_rows"], len(train.y)
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise InputError(f"data.labels: most_rows is {most!r}, expected a whole number above 0")
    rows = np.arange(n)
    if n > most:
        rows = np.sort(np.random.default_rng(book.seed).permutation(n)[:most])
        book.skip("labels of every row", f"{most} of {n} rows were drawn; raise most_rows")
    labels, y = np.unique(train.y[rows], return_inverse=True)
    return Examined(rows, condensed(train.x[rows], book.seed), y, labels)


def _power(book: Notebook, data: Examined, share: float) -> Interval | None:
    """Flip labels in a copy and look again: the share found again, or None when there was no time."""
    if book.seconds_left() <= 0:
        book.skip("labels verdict", "no time was left to measure how many planted flips are found")
        return None
    flips = min(len(data.y) // 2, max(LEAST_FLIPS, round(share * len(data.y))))
    wrong, changed = planted(data.y, data.k, flips, book.seed)
    found = suspects(judged(data.x, wrong, book.seed), wrong).rows
    again = int(changed[found].sum())
    book.note("flips_planted", flips)
    recall = clopper_pearson(again, flips)
    book.measure(recall.measurement("labels.power_recall", unit="share"))
    book.measure(rate("labels.power_precision", again, len(found)))
    return recall


def skill(answers: Floats, y: Ints) -> float:
    """The share of a constant guess's errors that the model avoids; at most 1, below 0 when it adds some."""
    wrong, guess = float((answers.argmax(axis=1) != y).mean()), 1 - float(np.bincount(y).max() / len(y))
    return 1 - wrong / guess


def skills(answers: Floats, y: Ints) -> Floats:
    """(k,) the same where each label is answered: beside guessing that label everywhere. 0 if it never is."""
    k, best = answers.shape[1], answers.argmax(axis=1)
    told, given = np.bincount(best, minlength=k), np.bincount(y, minlength=k)
    wrong = np.bincount(best[best != y], minlength=k) / np.maximum(1, told)
    known: Floats = np.where(told > 0, 1 - wrong / (1 - given / len(y)), 0.0)
    return known


def _blind(recall: Interval, skilled: float, unclear: bool) -> str:
    """Why a wrong label cannot be told from a hard row here; empty when it can."""
    if skilled < DEAF:
        avoids = f"avoids {skilled * 100:.0f} % of" if skilled >= 0.005 else "does not avoid"
        return f"labels hardly follow from the data (a forest {avoids} a constant guess's errors)"
    if unclear:
        return "no label follows clearly from the data"
    if recall.value < BLIND:
        return f"of flips planted on purpose only {recall.value * 100:.0f} % were found"
    return ""


def _conclude(
    book: Notebook, found: Suspects, sure: Count, recall: Interval, blind: str, n: int
) -> None:
    flipped = clopper_pearson(sure.hits, sure.n)
    if blind:
        book.skip("labels verdict", f"{blind}: {HARD}; {ADVICE}")
    elif flipped.low > QUIET:
        severity = next(severity for floor, severity in SEVERE if flipped.value >= floor)
        book.find(
            "data.labels.suspect", severity, "train", Place(),
            f"about {flipped.value * 100:.1f} % of the labels look flipped ({sure.hits} of the {sure.n} rows that the "
            f"data speaks most clearly about); {len(found.rows)} of {n} rows are suspect by confident learning, "
            f"which finds {recall.value * 100:.0f} % of flips planted here",
            remedy=REMEDY, references=REFERENCES,
        )  # fmt: skip
    elif len(found.rows):
        book.find(
            "data.labels.review", Severity.INFO, "train", Place(),
            f"{len(found.rows)} of {n} labels are worth a second look; there are no more of them than clean data has",
            remedy="look at the listed rows when time allows", references=REFERENCES,
        )  # fmt: skip


def _table(train: Dataset, data: Examined, answers: Floats, found: Suspects) -> Table:
    rows = tuple(
        (int(data.rows[row]), _name(train, data.labels[data.y[row]]), _name(train, data.labels[likely]),
         round(float(answers[row, data.y[row]]), 4), round(float(answers[row, likely]), 4))
        for row, likely in zip(found.rows[:SHOWN], found.likely[:SHOWN], strict=True)
    )  # fmt: skip
    columns = ("row", "label", "likely label", "probability of the label", "probability of the likely label")
    return Table("labels.suspects", "Training labels to look at first", columns, rows)


def _name(data: Dataset, label: int) -> str:
    return data.classes[label] if label < len(data.classes) else str(label)


LABELS = Labels()
