"""Any callable as a model: how answers are read, counted, refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit
from scipy.special import softmax as scipy_softmax

from hauberk.core.errors import InputError, LimitExceeded, UnsupportedError
from hauberk.model.callable import from_callable
from hauberk.model.meter import QueryMeter
from hauberk.model.probabilities import Reader, Reading, softmax

X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
W = np.array([[2.0, -1, 0], [0, 1, 1], [1, 1, -3]])


def model(answer: object, n_classes: int = 3, **more: object) -> object:
    return from_callable(lambda x: answer(x @ W), (3,), n_classes, name="m", **more)  # type: ignore[operator, arg-type]


READINGS = {
    "logits": (lambda z: z, 3, lambda z: scipy_softmax(z, axis=1)),
    "probabilities": (lambda z: scipy_softmax(z, axis=1).astype(np.float32), 3, lambda z: scipy_softmax(z, axis=1)),
    "labels": (lambda z: z.argmax(1), 3, lambda z: np.eye(3)[z.argmax(1)]),
    "labels ": (lambda z: z.argmax(1).astype(float)[:, None], 3, lambda z: np.eye(3)[z.argmax(1)]),
    "onehot": (lambda z: np.eye(3, dtype=int)[z.argmax(1)], 3, lambda z: np.eye(3)[z.argmax(1)]),
    "margin": (lambda z: z[:, 0], 2, lambda z: np.stack([expit(-z[:, 0]), expit(z[:, 0])], 1)),
    "positive": (lambda z: expit(z[:, :1]), 2, lambda z: np.stack([expit(-z[:, 0]), expit(z[:, 0])], 1)),
    "labels  ": (lambda z: (z[:, 0] > 0).tolist(), 2, lambda z: np.eye(2)[(z[:, 0] > 0).astype(int)]),
}


@pytest.mark.parametrize("name", READINGS)
def test_answers_are_read_by_looking_at_them(name: str) -> None:
    answer, k, expected = READINGS[name]
    m = model(answer, k, batch=7)
    assert m.predict(X) == pytest.approx(expected(X @ W), abs=1e-6)
    assert m.reader.reading == name.strip()
    assert m.label_only is (name.strip() in ("labels", "onehot"))
    assert m.queries == 50


def test_asking_for_label_only_first_costs_one_query_and_decides_nothing() -> None:
    m = model(lambda z: z[:, 0] + 0.5, 2)
    assert m.label_only is False
    assert m.queries == 1
    m.predict(X)
    assert m.reader.reading is Reading.MARGIN


def test_an_answer_of_another_kind_later_is_refused() -> None:
    answers = iter([scipy_softmax(X @ W, axis=1), X @ W])
    m = from_callable(lambda x: next(answers), (3,), 3, name="m")
    m.predict(X)
    with pytest.raises(InputError, match="were read as probabilities"):
        m.predict(X)


def test_labels_are_whole_once_they_are_labels() -> None:
    m = model(lambda z: z[:, 0], answers="labels")
    with pytest.raises(InputError, match="expected integers 0 … 2"):
        m.predict(X)
    with pytest.raises(InputError, match="expected integers 0 … 2"):
        model(lambda z: np.full(len(z), 0.5), answers="labels").predict(X)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda z: z[:, :2], r"shape \(50, 2\) to 50 examples"),
        (lambda z: z[:-1], "shape"),
        (lambda z: z * np.nan, "NaN or infinity"),
        (lambda z: z.argmax(1) + 1, "answered labels 1 … 3, expected integers 0 … 2"),
        (lambda z: ["yes"] * len(z), "expected numbers"),
        (lambda z: [[1], [1, 2]] * 25, "not an array"),
        (lambda z: None, "expected numbers"),
        (lambda z: z[:, 0], "one score an example for 3 classes"),
        (lambda z: 1 / 0, "the model raised ZeroDivisionError"),
    ],
)
def test_answers_that_cannot_be_read_are_refused(answer: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        model(answer).predict(X)


def test_the_budget_is_never_passed() -> None:
    shown = []
    m = from_callable(lambda x: shown.append(len(x)) or x, (3,), 3, max_queries=60, batch=20)
    m.predict(X)
    with pytest.raises(LimitExceeded, match="50 of 60 are spent, 50 more"):
        m.predict(X)
    assert sum(shown) == m.queries == 50
    m.predict(X[:10])
    assert m.queries == 60
    with pytest.raises(LimitExceeded):
        m.predict(X[:1])


def test_shape_and_family_errors() -> None:
    m = model(lambda z: z)
    with pytest.raises(InputError, match=r"expected examples of shape \(3,\), got \(4,\)"):
        m.predict(np.zeros((2, 4)))
    with pytest.raises(UnsupportedError):
        m.module()
    with pytest.raises(UnsupportedError):
        m.refit(X, np.zeros(50, int), 0)
    assert m.predict(X[:0]).shape == (0, 3)
    with pytest.raises(InputError, match="at least 2 classes"):
        from_callable(lambda x: x, (3,), 1)
    with pytest.raises(InputError, match="not a way to read"):
        from_callable(lambda x: x, (3,), 3, answers="scores")


def test_a_trainer_makes_it_refittable() -> None:
    def fit(x: np.ndarray, y: np.ndarray, seed: int) -> object:
        means = np.stack([x[y == c].mean(0) for c in range(2)])
        return lambda q: -((q[:, None] - means) ** 2).sum(-1)

    y = (X[:, 0] > 0).astype(int)
    m = from_callable(lambda x: x[:, 0], (3,), 2, trainer=fit)
    fresh = m.refit(X, y, 0)
    assert (fresh.predict(X).argmax(1) == y).mean() > 0.8
    assert m.queries == 0


@given(hnp.arrays(np.float64, (2, 4), elements=st.floats(-1e300, 1e300)))
def test_softmax_is_stable(logits: np.ndarray) -> None:
    with np.errstate(over="ignore", under="ignore"):
        assert softmax(logits) == pytest.approx(scipy_softmax(logits, axis=1))


DTYPES = st.sampled_from([np.float16, np.int32, np.float64, np.uint8, bool])
SHAPES = st.tuples(st.integers(1, 3)) | st.tuples(st.integers(1, 3), st.integers(1, 4))


@given(hnp.arrays(DTYPES, SHAPES))
def test_every_array_is_read_as_a_distribution_or_refused(answer: np.ndarray) -> None:
    try:
        rows = Reader("m", 3).read(answer, 2)
    except InputError:
        return
    assert rows.shape == (2, 3)
    assert rows.sum(1) == pytest.approx(1)
    assert (rows >= 0).all()


def test_the_meter_refuses_a_negative_budget() -> None:
    with pytest.raises(InputError):
        QueryMeter(-1)
    assert QueryMeter().left is None
