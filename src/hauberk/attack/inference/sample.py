"""Who is asked about: as many members as non-members, with the same class mix, and nobody who is both.

A test row that also stands in the training data is a member, whatever the file is called: it is left out.

>>> import numpy as np
>>> draw(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), np.arange(4), 100, seed=0).non_members.size
3
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hauberk.core.ports import Dataset, Floats, Ints


@dataclass(frozen=True)
class Sample:
    """members: rows of the training data; non_members: rows of the test data, label by label the same."""

    members: Ints
    non_members: Ints


@dataclass(frozen=True)
class Pool:
    """What reference models train on: the members, then the non-members, then other rows of both files.

    n: members (and non-members). from_train: (rows,) bool. row: each one's row in its own file.
    """

    x: Floats
    y: Ints
    n: int
    from_train: NDArray[Any]
    row: Ints


def strangers(train: Dataset, test: Dataset) -> Ints:
    """The rows of `test` that are not in `train`, whatever their label."""
    known = set(_keys(train.x))
    return np.array([i for i, key in enumerate(_keys(test.x)) if key not in known], dtype=np.int64)


def draw(train_y: Ints, test_y: Ints, outside: Ints, most: int, seed: int) -> Sample:
    """At most `most` members and as many non-members, among the rows `outside` of the test data.

    Every class gives the same number to both sides. Rows are drawn at random.
    """
    rng = np.random.default_rng(seed)
    inside = _shuffled_by_class(train_y, np.arange(len(train_y)), rng)
    others = _shuffled_by_class(test_y, outside, rng)
    both = {label: min(len(inside[label]), len(others[label])) for label in inside if label in others}
    scale = min(1.0, most / max(1, sum(both.values())))
    take = {label: int(count * scale) for label, count in both.items()}
    empty: list[Ints] = [np.zeros(0, dtype=np.int64)]
    return Sample(
        np.concatenate(empty + [inside[label][:count] for label, count in take.items()]),
        np.concatenate(empty + [others[label][:count] for label, count in take.items()]),
    )


def pool(train: Dataset, test: Dataset, outside: Ints, sample: Sample, most: int, seed: int) -> Pool:
    """The sample and up to `most` rows in all, the rest drawn from both files at random."""
    rng = np.random.default_rng(seed)
    rest_train = np.setdiff1d(np.arange(len(train.y)), sample.members)
    rest_test = np.setdiff1d(outside, sample.non_members)
    rest = rng.permutation(len(rest_train) + len(rest_test))[: max(0, most - 2 * len(sample.members))]
    more_train = rest_train[rest[rest < len(rest_train)]]
    more_test = rest_test[rest[rest >= len(rest_train)] - len(rest_train)]
    parts = [(train, sample.members), (test, sample.non_members), (train, more_train), (test, more_test)]
    return Pool(
        np.concatenate([data.x[rows] for data, rows in parts]),
        np.concatenate([data.y[rows] for data, rows in parts]),
        len(sample.members),
        np.concatenate([np.full(len(rows), data is train) for data, rows in parts]),
        np.concatenate([rows for _, rows in parts]),
    )


def _keys(x: Floats) -> list[bytes]:
    """One digest a row; equal values have equal digests in float32 and float64, and for -0.0 and 0.0."""
    flat = np.asarray(x).reshape(len(x), -1)
    return [hashlib.blake2b((row.astype(np.float32) + 0.0).tobytes(), digest_size=16).digest() for row in flat]


def _shuffled_by_class(y: Ints, rows: Ints, rng: np.random.Generator) -> dict[int, Ints]:
    mixed = rng.permutation(rows)
    return {int(label): mixed[y[mixed] == label] for label in np.unique(y[rows])}
