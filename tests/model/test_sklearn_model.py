"""scikit-learn classifiers: every way of answering, data frames with text, training again."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC

from hauberk.core.errors import InputError, MissingExtra, UnsupportedError, need
from hauberk.core.features import Feature
from hauberk.model import columns
from hauberk.model.sklearn import Estimator, from_sklearn

SCHEMA = (
    Feature("age", "integer", 18, 80),
    Feature("job", "categorical", 0, 2, categories=("clerk", "cook", "smith")),
    Feature("code", "categorical", 0, 2, categories=("0", "1", "2")),
    Feature("rate", "numeric", 0, 1),
)


@pytest.fixture(scope="module")
def people() -> tuple[np.ndarray, pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    x = np.stack([rng.integers(18, 81, 200), *rng.integers(0, 3, (2, 200)), rng.random(200)], axis=1).astype(float)
    frame = pd.DataFrame({
        "age": x[:, 0].astype(int), "job": np.array(SCHEMA[1].categories)[x[:, 1].astype(int)],
        "code": x[:, 2].astype(int), "rate": x[:, 3],
    })  # fmt: skip
    return x, frame, np.array(["no", "yes"])[((x[:, 0] > 40) ^ (x[:, 1] == 2)).astype(int)]


def absent(name: str) -> Any:
    raise MissingExtra(name)


def pipeline() -> Any:
    parts = ColumnTransformer(
        [("text", OneHotEncoder(), ["job", "code"]), ("number", StandardScaler(), ["rate", "age"])]
    )
    return make_pipeline(parts, RandomForestClassifier(20, random_state=0))


@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), RandomForestClassifier(5), GaussianNB(), MLPClassifier(max_iter=20), SVC(), LinearSVC(),
     RidgeClassifier(), SVC(decision_function_shape="ovo"), GridSearchCV(LogisticRegression(), {"C": [1, 2]}),
     make_pipeline(StandardScaler(), LogisticRegression())],
    ids=lambda e: type(e).__name__,
)  # fmt: skip
@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.filterwarnings("ignore")
def test_predictions_are_those_of_the_estimator(estimator: Any, k: int, blobs: Any) -> None:
    x, y = blobs[0][blobs[1] < k], blobs[1][blobs[1] < k]
    fitted = estimator.fit(x, y * 10 - 10)
    model = from_sklearn(fitted)
    rows = model.predict(x)
    assert model.classes == ("-10", "0", "10")[:k]
    assert (fitted.classes_[rows.argmax(1)] == fitted.predict(x)).all()
    if hasattr(fitted, "predict_proba"):
        assert rows == pytest.approx(fitted.predict_proba(x))


def test_more_than_three_classes_one_against_one_are_labels(blobs: Any) -> None:
    x, y = np.vstack([blobs[0], blobs[0] + 9]), np.concatenate([blobs[1], blobs[1] + 3])
    svc = SVC(decision_function_shape="ovo").fit(x, y)
    model = from_sklearn(svc)
    assert model.label_only
    assert model.predict(x).argmax(1).tolist() == svc.predict(x).tolist()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_pipeline_gets_its_columns_and_texts_back(people: Any, library: str, monkeypatch: Any) -> None:
    x, frame, y = people
    if library == "polars":
        fitted = pipeline().fit(pl.DataFrame({c: frame[c].to_list() for c in frame.columns}), y)
        monkeypatch.setattr(
            columns, "need", lambda name, extra: absent(name) if name == "pandas" else need(name, extra=extra)
        )
    else:
        fitted = pipeline().fit(frame, y)
    expected = fitted.predict_proba(
        frame if library == "pandas" else pl.DataFrame({c: frame[c].to_list() for c in frame})
    )
    shuffled = [2, 0, 3, 1]
    model = from_sklearn(fitted, features=tuple(SCHEMA[j] for j in shuffled))
    assert model.predict(x[:, shuffled]) == pytest.approx(expected)
    assert model.description.estimator == "ColumnTransformer > RandomForestClassifier"
    assert model.description.feature_names == ("age", "job", "code", "rate")
    again = model.refit(x[:, shuffled], (y == "yes").astype(int), seed=5)
    assert (again.predict(x[:, shuffled]).argmax(1) == (y == "yes")).mean() > 0.9


def test_columns_that_lack_or_are_too_many(people: Any) -> None:
    _, frame, y = people
    fitted = pipeline().fit(frame, y)
    with pytest.raises(InputError, match="trained on column 'rate', which the data lacks"):
        from_sklearn(fitted, features=SCHEMA[:3])
    with pytest.raises(InputError, match="has column 'id', which the model was not trained on") as caught:
        from_sklearn(fitted, features=(*SCHEMA, Feature("id", "integer", 0, 9)))
    assert "[features.id] drop = true" in caught.value.hint


def test_a_frame_model_without_a_schema_takes_its_columns_in_order(blobs: Any) -> None:
    fitted = LogisticRegression().fit(pd.DataFrame(blobs[0], columns=list("abcd")), blobs[1])
    expected = fitted.predict_proba(pd.DataFrame(blobs[0], columns=list("abcd")))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert from_sklearn(fitted).predict(blobs[0]) == pytest.approx(expected)


def test_refit_keeps_the_settings_and_sets_every_seed(blobs: Any) -> None:
    x, y = blobs
    model = from_sklearn(make_pipeline(StandardScaler(), RandomForestClassifier(7, max_depth=2)).fit(x, y))
    one, same, other = (model.refit(x, y, seed).predict(x) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    expected = RandomForestClassifier(7, max_depth=2, random_state=1).fit(StandardScaler().fit_transform(x), y)
    assert one == pytest.approx(expected.predict_proba(StandardScaler().fit_transform(x)))


def test_a_class_that_a_refit_never_saw_has_probability_zero(blobs: Any) -> None:
    x, y = blobs
    rows = from_sklearn(GaussianNB().fit(x, y)).refit(x[y != 1], y[y != 1], 0).predict(x)
    assert rows[:, 1].max() == 0
    assert rows.shape == (300, 3)
    scores = Estimator(LinearSVC().fit(x, y)).refit(x[y != 1], y[y != 1], 0)
    with pytest.raises(InputError, match="trained on 2 of 3 classes"):
        scores.answer(x)


def test_what_is_no_classifier_of_one_output(blobs: Any) -> None:
    x, y = blobs
    many = RandomForestClassifier(2).fit(x, np.stack([y, y], 1))
    for thing in (LinearRegression().fit(x, y), LogisticRegression(), "text", many):
        with pytest.raises(UnsupportedError, match="is no classifier"):
            from_sklearn(thing)


def test_a_model_without_fit_cannot_be_trained_again() -> None:
    class Fixed:
        classes_ = np.array([0, 1])
        n_features_in_ = 1

        def predict(self, x: np.ndarray) -> np.ndarray:
            return (x[:, 0] > 0).astype(int)

    model = from_sklearn(Fixed())
    assert model.predict(np.array([[1.0], [-1.0]])).tolist() == [[0, 1], [1, 0]]
    with pytest.raises(UnsupportedError, match="Fixed cannot be trained again"):
        model.refit(np.zeros((2, 1)), np.array([0, 1]), 0)
    Fixed.predict = lambda self, x: np.array([7] * len(x))  # type: ignore[method-assign]
    with pytest.raises(InputError, match="none of its classes"):
        model.predict(np.zeros((1, 1)))


def test_labels_of_all_types_have_plain_names(blobs: Any) -> None:
    x, y = blobs
    for labels, names in [((y > 0), ("false", "true")), (y.astype(float), ("0", "1", "2"))]:
        assert from_sklearn(GaussianNB().fit(x, labels)).classes == names
