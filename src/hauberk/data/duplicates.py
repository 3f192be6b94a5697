"""`data.duplicates`: rows that stand in both files, twice in one, or under two labels.

A test row that was trained on measures memory, not skill. Equal rows are found by hash; near copies (a
re-encoded picture, a row with one digit changed) by how much closer they lie than neighbours do by nature
(`neighbours`). Pairs that chance explains (`twins`) are a note, not a finding.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from hauberk.core.canon import Json
from hauberk.core.errors import InputError
from hauberk.core.exhibits import Table
from hauberk.core.notebook import Notebook
from hauberk.core.nouns import Place, Severity
from hauberk.core.ports import Need
from hauberk.core.stats import rate

from .neighbours import groups
from .twins import Pairs, Twins, close, equal, telling

if TYPE_CHECKING:
    from hauberk.core.limits import Limits
    from hauberk.core.nouns import Evidence
    from hauberk.core.ports import Dataset, Inputs, Ints

Scale = tuple[tuple[float, Severity], ...]

LEAK: Scale = ((0.05, Severity.HIGH), (0.01, Severity.MEDIUM), (0.0, Severity.LOW))
"""By share of test rows: at 5 % memory can fake five points of accuracy, more than most models differ by."""

CONFLICT: Scale = ((0.05, Severity.HIGH), (0.005, Severity.MEDIUM), (0.0, Severity.LOW))
"""By share of training rows: from half a percent on they move a model; 5 % cap what any model can reach."""

REPEAT: Scale = ((0.10, Severity.MEDIUM), (0.0, Severity.LOW))
"""By share of training rows that repeat an earlier one: what is repeated is what is memorised."""

FEW = 3
"""Fewer rows than this are low, whatever share they are."""

SHOWN = 50
POISON = ("AML.T0059", "ML02:2023", "AISVS-1.3.1")


class Duplicates:
    """near: look for near copies too. most_rows: most rows of a file that near twins are sought for."""

    id = "data.duplicates"
    version = "1"
    title = "Duplicates and leakage"
    needs: tuple[Need, ...] = (Need.TRAIN, Need.TEST)
    roles: tuple[str, ...] = ("train", "test")
    defaults: Mapping[str, Json] = MappingProxyType({"most_rows": 50_000, "near": True})
    tools: tuple[str, ...] = ("numpy",)

    def run(self, inputs: Inputs, limits: Limits, seed: int) -> Evidence:
        """Look for twins. Raises InputError when the rows of train and test differ in shape."""
        book = Notebook(self, inputs, limits, seed)
        train, test = _given(inputs)
        first = groups(train.x, test.x)
        twins = equal(train, test, first)
        if book.parameters["near"] and (more := close(book, train, test, first, _most_rows(book))):
            twins = Twins(twins.across + more.across, twins.within + more.within, more.recall)
        _leak(book, twins.across, len(test.y))
        _repeats(book, twins.within, len(train.y))
        _conflicts(book, train, first[: len(train.y)])
        for measurement in twins.recall:
            book.measure(measurement)
        _show(book, train, test, twins)
        return book.evidence()


def conflicting(groups: Ints, y: Ints) -> Ints:
    """The rows that equal a row with another label. groups: (n,) the first equal row of each; y: (n,)."""
    order = np.lexsort((y, groups))
    mixed = (np.diff(groups[order]) == 0) & (np.diff(y[order]) != 0)
    found: Ints = np.flatnonzero(np.isin(groups, groups[order][1:][mixed]))
    return found


def _given(inputs: Inputs) -> tuple[Dataset, Dataset]:
    train, test = inputs.train, inputs.test
    if train is None or test is None:
        raise InputError("data.duplicates needs training data and test data")
    if train.x.shape[1:] != test.x.shape[1:]:
        raise InputError(f"training rows have shape {train.x.shape[1:]}, test rows {test.x.shape[1:]}")
    if not len(train.y) or not len(test.y):
        raise InputError(f"{train.name if not len(train.y) else test.name}: there are no rows")
    return train, test


def _most_rows(book: Notebook) -> int:
    most = book.parameters["most_rows"]
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise InputError(f"data.duplicates: most_rows is {most!r}, expected a whole number above 0")
    return most


def _leak(book: Notebook, across: Pairs, n: int) -> None:
    same, like = across.rows(equal=True), across.rows(equal=False)
    book.measure(rate("duplicates.leak_share", same + like, n))
    book.measure(rate("duplicates.leak_equal_share", same, n))
    if same + like:
        book.find(
            "data.duplicates.leak", _severity(LEAK, same + like, n), "test", Place(),
            f"{_counted(same + like, n, 'test')} also training rows ({same} equal, {like} near copies): "
            "accuracy on them measures memory",
            remedy="drop the listed rows from the test data and measure again; split by source (person, "
            "session, document) before any augmentation or oversampling",
        )  # fmt: skip
    if across.by_chance:
        _note(book, "test", across.by_chance, "also training rows")


def _repeats(book: Notebook, within: Pairs, n: int) -> None:
    same, like = within.rows(equal=True), within.rows(equal=False)
    book.measure(rate("duplicates.train_share", same + like, n))
    if same + like:
        book.find(
            "data.duplicates.train", _severity(REPEAT, same + like, n), "train", Place(),
            f"{_counted(same + like, n, 'training')} copies of an earlier one ({same} equal, {like} near)",
            remedy="keep one of each, or weight rows on purpose: a model memorises first what is repeated, and "
            "an attacker repeats what shall be learnt",
        )  # fmt: skip
    if within.by_chance:
        _note(book, "train", within.by_chance, "copies of an earlier one")


def _conflicts(book: Notebook, train: Dataset, first: Ints) -> None:
    rows, n = conflicting(first, train.y), len(train.y)
    told = rows[telling(train, train.x[rows])]
    book.measure(rate("duplicates.conflict_share", len(told), n))
    if len(told):
        book.find(
            "data.duplicates.conflict", _severity(CONFLICT, len(told), n), "train", Place(),
            f"{_counted(len(told), n, 'training')} equal to a row with another label: one of them is wrong",
            remedy="look at the listed rows, correct or drop them, and find out who labelled them twice",
            references=POISON,
        )  # fmt: skip
    if len(told):
        book.show(_conflict_table(train, first, told))


def _note(book: Notebook, role: str, rows: int, what: str) -> None:
    book.find(
        "data.duplicates.chance", Severity.INFO, role, Place(),
        f"{rows} rows are {what}, but hold so few and common values that chance explains it",
        remedy="nothing, unless rows are known to be unique: then add the columns that tell them apart",
    )  # fmt: skip


def _severity(scale: Scale, rows: int, n: int) -> Severity:
    if rows < FEW:
        return Severity.LOW
    return next(severity for floor, severity in scale if rows / n >= floor)


def _counted(rows: int, n: int, kind: str) -> str:
    verb = "is" if rows == 1 else "are"
    return f"{rows} of {n} {kind} rows ({rows / n * 100:.2f} %) {verb}"


def _show(book: Notebook, train: Dataset, test: Dataset, twins: Twins) -> None:
    """The pairs: test rows first; pairs with two labels before others, equal before near."""
    rows = []
    for kind, data, pairs in (("test", test, twins.across), ("train", train, twins.within)):
        labels = data.y[pairs.row], train.y[pairs.twin]
        order = np.lexsort((pairs.row, pairs.closeness, labels[0] == labels[1]))
        rows += [
            (kind, int(pairs.row[i]), int(pairs.twin[i]), "equal" if pairs.closeness[i] == 0 else "near",
             round(float(pairs.closeness[i]), 4), _label(data, labels[0][i]), _label(train, labels[1][i]))
            for i in order[pairs.telling[order]][:SHOWN]
        ]  # fmt: skip
    if rows:
        columns = ("file", "row", "training row", "kind", "closeness", "label", "label of the training row")
        marked = tuple((i, 6) for i, row in enumerate(rows) if row[5] != row[6])
        book.show(Table("duplicates.pairs", "Rows and their twins in the training data", columns, tuple(rows), marked))


def _conflict_table(train: Dataset, first: Ints, rows: Ints) -> Table:
    shown = rows[np.argsort(first[rows], kind="stable")][:SHOWN]
    cells = tuple((int(first[row]), int(row), _label(train, train.y[row])) for row in shown)
    return Table("duplicates.conflicts", "Equal training rows with different labels", ("group", "row", "label"), cells)


def _label(data: Dataset, label: int) -> str:
    return data.classes[label] if label < len(data.classes) else str(label)


DUPLICATES = Duplicates()
