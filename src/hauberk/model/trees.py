"""XGBoost (.json, .ubj) and LightGBM (.txt) files, parsed by their own C++ loaders: only inside a model's process.

XGBoost keeps neither learning rate nor depth in its file, so such a model cannot be trained again;
LightGBM keeps its parameters, so it can.
"""

from __future__ import annotations

import importlib.metadata
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from hauberk.core.errors import InputError, UnsupportedError, need
from hauberk.core.features import Features

from .columns import order
from .probabilities import Reading
from .served import Description, plain

if TYPE_CHECKING:
    from hauberk.core.ports import Floats, Ints

XGB_BINARY = {"binary:logistic", "binary:logitraw", "reg:logistic"}
XGB_MULTI = {"multi:softprob", "multi:softmax"}
LGB_BINARY, LGB_MULTI = {"binary", "cross_entropy"}, {"multiclass", "multiclassova"}
LGB_NO_REFIT = {"num_iterations", "num_class", "objective", "seed", "metric", "verbose", "num_threads"}


class XgboostModel:
    """A booster read from its native file, as `Served`. It answers margins or logits."""

    def __init__(self, content: bytes, features: Features = ()) -> None:
        self._xgb = need("xgboost", extra="trees")
        self._booster = self._xgb.Booster()
        try:
            self._booster.load_model(bytearray(content))
        except (self._xgb.core.XGBoostError, ValueError) as error:
            raise InputError(f"not an XGBoost model: {plain(error, 200)}") from error
        learner = json.loads(self._booster.save_config())["learner"]
        self._objective = str(learner["objective"]["name"])
        self._k = 2 if self._objective in XGB_BINARY else int(learner["learner_model_param"]["num_class"])
        if self._objective not in XGB_BINARY | XGB_MULTI:
            raise UnsupportedError(f"an XGBoost model with objective {plain(self._objective, 60)} is no classifier")
        self._names = tuple(self._booster.feature_names or ())
        self._at = _positions(features, self._names, "the XGBoost model")

    def describe(self) -> Description:
        """Its classes are 0 … k-1, as XGBoost numbers them."""
        return Description(
            f"xgboost {self._objective}", tuple(str(k) for k in range(self._k)), self._booster.num_features(),
            Reading.MARGIN if self._k == 2 and self._objective in XGB_BINARY else Reading.LOGITS,
            tuple(plain(n) for n in self._names), versions={"xgboost": importlib.metadata.version("xgboost")},
        )  # fmt: skip

    def answer(self, x: Floats) -> Any:
        """(n, columns) -> (n,) margins or (n, k) logits, before the sigmoid or softmax."""
        matrix = self._xgb.DMatrix(
            x if self._at is None else x[:, self._at], feature_names=list(self._names) or None,
            feature_types=self._booster.feature_types, enable_categorical=True,
        )  # fmt: skip
        return self._booster.predict(matrix, output_margin=True)

    def refit(self, x: Floats, y: Ints, seed: int) -> XgboostModel:
        """Raises UnsupportedError: the file does not say how it was trained."""
        raise UnsupportedError(
            "an XGBoost file does not say how it was trained", hint="give the XGBClassifier as .joblib or .skops"
        )


class LightgbmModel:
    """A booster read from its text file, as `Served`. It answers probabilities."""

    def __init__(self, content: bytes, features: Features = ()) -> None:
        self._lgb = need("lightgbm", extra="trees")
        try:
            self._booster = self._lgb.Booster(model_str=content.decode("utf-8"))
            self._objective = str(self._booster.dump_model(num_iteration=1).get("objective", ""))
        except (self._lgb.basic.LightGBMError, UnicodeDecodeError, ValueError, KeyError) as error:
            raise InputError(f"not a LightGBM model: {plain(error, 200)}") from error
        kind = self._objective.partition(" ")[0]
        if kind not in LGB_BINARY | LGB_MULTI:
            raise UnsupportedError(f"a LightGBM model with objective {plain(kind, 60)!r} is no classifier")
        self._features, self._names = features, tuple(self._booster.feature_name())
        named = any(name != f"Column_{j}" for j, name in enumerate(self._names))
        self._at = _positions(features, self._names if named else (), "the LightGBM model")

    def describe(self) -> Description:
        """Its classes are 0 … k-1, as LightGBM numbers them."""
        return Description(
            f"lightgbm {plain(self._objective, 60)}", tuple(str(k) for k in range(self._k)),
            self._booster.num_feature(), Reading.PROBABILITIES if self._k > 2 else Reading.POSITIVE,
            tuple(plain(n) for n in self._names), refittable=True,
            versions={"lightgbm": importlib.metadata.version("lightgbm")},
        )  # fmt: skip

    def answer(self, x: Floats) -> Any:
        """(n, columns) -> (n,) probabilities of class 1, or (n, k) probabilities (one-vs-all rescaled to sum 1)."""
        answer = np.asarray(self._booster.predict(x if self._at is None else x[:, self._at]))
        return answer if answer.ndim == 1 else answer / answer.sum(axis=1, keepdims=True)

    def refit(self, x: Floats, y: Ints, seed: int) -> LightgbmModel:
        """Trained on x, y with the parameters and the number of trees that the file records."""
        kept = {name: value for name, value in self._booster.params.items() if name not in LGB_NO_REFIT}
        classes = {"num_class": self._k} if self._k > 2 else {}
        params = kept | classes | {"objective": self._objective.partition(" ")[0], "seed": seed, "verbose": -1}
        data = self._lgb.Dataset(x if self._at is None else x[:, self._at], y, feature_name=list(self._names))
        fresh = self._lgb.train(params, data, num_boost_round=self._booster.current_iteration())
        return LightgbmModel(fresh.model_to_string().encode(), self._features)

    @property
    def _k(self) -> int:
        return max(2, int(self._booster.num_model_per_iteration()))


def _positions(features: Features, names: tuple[str, ...], model: str) -> list[int] | None:
    """Where the model's columns stand in the data; None when they come as they are."""
    return order(features, names, model) if features and names else None
