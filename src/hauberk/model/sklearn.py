"""A scikit-learn classifier: in this process when the user holds it, or inside its own when it came as a file.

model = from_sklearn(RandomForestClassifier().fit(x, y))
"""

from __future__ import annotations

import importlib.metadata
import platform
from typing import TYPE_CHECKING, Any

import numpy as np

from hauberk.core.errors import InputError, UnsupportedError, need
from hauberk.core.features import Features

from .adapter import Adapter, Bounds, Signature
from .columns import frame, order
from .meter import QueryMeter
from .probabilities import Reading
from .served import Description, Served, plain

if TYPE_CHECKING:
    from hauberk.core.ports import Floats, Ints, Model

METHODS = {"predict_proba": Reading.PROBABILITIES, "decision_function": Reading.LOGITS, "predict": Reading.LABELS}
LIBRARIES = ("scikit-learn", "numpy", "xgboost", "lightgbm", "skops", "joblib")


class Estimator:
    """A fitted scikit-learn classifier as `Served`. features: the schema of the matrices that come.

    classes: the labels 0..k-1, when it was trained again and may have seen fewer.
    Raises UnsupportedError for anything that is no classifier of one output.
    """

    def __init__(self, estimator: Any, features: Features = (), classes: Any = None, notes: tuple[str, ...] = ()):
        self._estimator, self._features, self._notes = estimator, features, notes
        own = getattr(estimator, "classes_", None)
        if own is None or not hasattr(estimator, "predict") or np.ndim(own) != 1 or np.ndim(own[0]):
            raise UnsupportedError(
                f"{plain(type(estimator).__name__)} is no classifier of one output that was fitted",
                hint="give a fitted classifier with classes_ and predict; a pipeline may end in one",
            )
        self._own = np.asarray(own)
        self._classes = self._own if classes is None else classes
        self._names = tuple(str(n) for n in getattr(estimator, "feature_names_in_", ()))
        if features and self._names:
            order(features, self._names, type(estimator).__name__)
        self._method = next(m for m in METHODS if hasattr(estimator, m))
        if self._method == "decision_function" and _one_against_one(estimator):
            self._method = "predict"

    def describe(self) -> Description:
        """What it is. Its answers are probabilities, logits (one column: margin) or labels."""
        return Description(
            estimator=plain(_title(self._estimator)),
            classes=tuple(plain(_label(c)) for c in self._classes),
            n_features=self._n_features(),
            reading=self._reading(),
            feature_names=tuple(plain(n) for n in self._names),
            refittable=hasattr(self._estimator, "get_params") and hasattr(self._estimator, "fit"),
            versions=_versions(),
            notes=self._notes,
        )

    def answer(self, x: Floats) -> Any:
        """(n, columns) -> (n, k) probabilities or logits, (n,) margins, or (n,) labels 0..k-1."""
        answer = np.asarray(getattr(self._estimator, self._method)(self._input(x)))
        if self._method == "predict":
            return self._codes(answer)
        return answer if len(self._own) == len(self._classes) else self._widened(answer)

    def refit(self, x: Floats, y: Ints, seed: int) -> Estimator:
        """A clone with the same settings and every random_state set to `seed`, fitted on x, y (codes)."""
        fresh = need("sklearn.base", extra="audit").clone(self._estimator)
        fresh.set_params(**dict.fromkeys(_params(fresh, "random_state"), int(seed) % 2**32))
        fresh.fit(self._input(x), self._classes[y])
        return Estimator(fresh, self._features, self._classes)

    def _reading(self) -> Reading:
        if self._method != "decision_function":
            return METHODS[self._method]
        probe = np.asarray(self._estimator.decision_function(self._input(self._probe())))
        if probe.ndim == 1:
            return Reading.MARGIN
        return Reading.LOGITS

    def _probe(self) -> Floats:
        if self._features:
            return np.array([[f.low for f in self._features]])
        return np.zeros((1, self._n_features()))

    def _n_features(self) -> int:
        n = getattr(self._estimator, "n_features_in_", None) or len(self._names) or len(self._features)
        if not n:
            raise UnsupportedError("the model does not say how many features it takes", hint="name the columns")
        return int(n)

    def _input(self, x: Floats) -> Any:
        return frame(x, self._features, self._names) if self._names else x

    def _codes(self, labels: Any) -> Any:
        code = {label: k for k, label in enumerate(self._classes.tolist())}
        try:
            return np.array([code[label] for label in labels.tolist()], dtype=np.int64)
        except (KeyError, TypeError) as error:
            raise InputError("the model predicts a label that is none of its classes") from error

    def _widened(self, answer: Any) -> Any:
        """Columns for classes that this fit never saw: probability 0."""
        if self._method != "predict_proba":
            raise InputError(f"trained on {len(self._own)} of {len(self._classes)} classes, it has no scores for all")
        full = np.zeros((len(answer), len(self._classes)))
        full[:, [self._classes.tolist().index(c) for c in self._own.tolist()]] = answer
        return full


class SklearnModel(Adapter):
    """A served estimator in this process."""

    def __init__(self, served: Served, signature: Signature, meter: QueryMeter, batch: int = 16384) -> None:
        self.description = served.describe()
        super().__init__(signature, meter, batch=batch, reading=self.description.reading)
        self._served = served

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of `predict`'s columns."""
        return self.description.classes

    @property
    def refittable(self) -> bool:
        """Whether it can be cloned and fitted."""
        return self.description.refittable

    def _answer(self, x: Floats) -> Any:
        return self._served.answer(x)

    def refit(self, x: Floats, y: Ints, seed: int) -> Model:
        """A clone with its settings, trained on x, y. Raises UnsupportedError when it cannot be cloned."""
        if not self.description.refittable:
            raise UnsupportedError(f"{self.name}: {self.description.estimator} cannot be trained again")
        served = self._served.refit(self._fitting(x, y), y, seed)
        return SklearnModel(served, self.signature, QueryMeter(), self._batch)


def from_sklearn(
    estimator: Any, *, features: Features = (), bounds: Bounds = None, name: str = "",
    max_queries: int | None = None,
) -> SklearnModel:  # fmt: skip
    """A model from a fitted classifier that is already in memory. Nothing is copied.

    features: the schema of the data that will come; needed when the estimator was trained on a data frame
    with text columns, whose codes are turned back into text. Labels are numbered as in classes_.
    Raises UnsupportedError for what is no classifier.
    """
    served = Estimator(estimator, features)
    described = served.describe()
    signature = Signature(name or described.estimator, (described.n_features,), len(described.classes), bounds)
    return SklearnModel(served, signature, QueryMeter(max_queries))


def quiet(estimator: Any) -> Any:
    """The estimator with every n_jobs set to 1: no pool of processes inside a sandbox. Same answers."""
    jobs = {name: value for name, value in _params(estimator, "n_jobs").items() if value not in (None, 1)}
    if jobs:
        estimator.set_params(**dict.fromkeys(jobs, 1))
    return estimator


def _params(estimator: Any, name: str) -> dict[str, Any]:
    """Its parameters of that name, its own and those of its parts."""
    found = estimator.get_params() if hasattr(estimator, "get_params") else {}
    return {key: value for key, value in found.items() if key.split("__")[-1] == name}


def _one_against_one(estimator: Any) -> bool:
    """Whether its scores are of pairs of classes, which are no scores of classes even when as many."""
    return "ovo" in _params(estimator, "decision_function_shape").values() and len(estimator.classes_) > 2


def _title(estimator: Any) -> str:
    steps = getattr(estimator, "steps", None)
    if not isinstance(steps, list):
        return type(estimator).__name__
    return " > ".join(type(step).__name__ for _, step in steps)


def _label(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
