"""XGBoost and LightGBM native files answer as their own libraries do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
import xgboost as xgb

from hauberk.core.errors import InputError, UnsupportedError
from hauberk.core.features import Feature
from hauberk.model.adapter import Signature
from hauberk.model.meter import QueryMeter
from hauberk.model.sklearn import SklearnModel
from hauberk.model.trees import LightgbmModel, XgboostModel

NAMES = ("a", "b", "c", "d")
SCHEMA = tuple(Feature(n, "numeric", -9, 9) for n in NAMES)


def model(served: Any) -> SklearnModel:
    described = served.describe()
    return SklearnModel(served, Signature("m", (described.n_features,), len(described.classes)), QueryMeter())


def xgb_train(blobs: Any, objective: str, names: list[str] | None = None) -> Any:
    x, y = blobs
    params: dict[str, Any] = {"objective": objective, "max_depth": 3, "nthread": 1}
    if objective.startswith("multi"):
        return xgb.train(params | {"num_class": 3}, xgb.DMatrix(x, y, feature_names=names), 5)
    return xgb.train(params, xgb.DMatrix(x, y > 0, feature_names=names), 5)


@pytest.mark.parametrize("suffix", ["json", "ubj"])
@pytest.mark.parametrize("objective", ["binary:logistic", "multi:softprob", "multi:softmax"])
def test_xgboost_probabilities(blobs: Any, objective: str, suffix: str, tmp_path: Path) -> None:
    booster = xgb_train(blobs, objective)
    booster.save_model(tmp_path / f"m.{suffix}")
    m = model(XgboostModel((tmp_path / f"m.{suffix}").read_bytes()))
    rows, expected = m.predict(blobs[0]), booster.predict(xgb.DMatrix(blobs[0]))
    if objective == "multi:softmax":
        assert rows.argmax(1).tolist() == expected.tolist()
    else:
        assert rows[:, 1 if rows.shape[1] == 2 else slice(None)] == pytest.approx(expected, abs=1e-6)


def test_columns_are_matched_by_name(blobs: Any) -> None:
    shuffled = [2, 0, 3, 1]
    booster = xgb_train(blobs, "multi:softprob", list(NAMES))
    schema = tuple(SCHEMA[j] for j in shuffled)
    m = model(XgboostModel(bytes(booster.save_raw("ubj")), schema))
    expected = booster.predict(xgb.DMatrix(blobs[0], feature_names=list(NAMES)))
    assert m.predict(blobs[0][:, shuffled]) == pytest.approx(expected, abs=1e-6)
    with pytest.raises(InputError, match="column 'd', which the data lacks"):
        XgboostModel(bytes(booster.save_raw("ubj")), SCHEMA[:3])
    light = lgb_train(blobs, "multiclass", list(NAMES))
    m = model(LightgbmModel(light.model_to_string().encode(), schema))
    assert m.predict(blobs[0][:, shuffled]) == pytest.approx(light.predict(blobs[0]))


def lgb_train(blobs: Any, objective: str, names: list[str] | str = "auto") -> Any:
    x, y = blobs
    params: dict[str, Any] = {
        "objective": objective,
        "num_leaves": 5,
        "verbose": -1,
        "num_threads": 1,
        "min_data_in_leaf": 5,
    }
    if objective.startswith("multi"):
        return lgb.train(params | {"num_class": 3}, lgb.Dataset(x, y, feature_name=names), 7)
    return lgb.train(params, lgb.Dataset(x, (y > 0).astype(int), feature_name=names), 7)


@pytest.mark.parametrize("objective", ["binary", "multiclass", "multiclassova", "cross_entropy"])
def test_lightgbm_probabilities(blobs: Any, objective: str) -> None:
    booster = lgb_train(blobs, objective)
    m = model(LightgbmModel(booster.model_to_string().encode()))
    expected = booster.predict(blobs[0])
    if objective == "multiclassova":
        expected = expected / expected.sum(1, keepdims=True)
    assert m.predict(blobs[0])[:, 1 if expected.ndim == 1 else slice(None)] == pytest.approx(expected)


def test_lightgbm_trains_again_as_its_file_says(blobs: Any) -> None:
    x, y = blobs
    booster = lgb_train(blobs, "multiclass")
    again = model(LightgbmModel(booster.model_to_string().encode())).refit(x, y, seed=0)
    assert again.predict(x) == pytest.approx(booster.predict(x))
    half = again.refit(x[:150], y[:150], seed=0)
    assert not np.allclose(half.predict(x), booster.predict(x))


def test_xgboost_does_not_pretend_to_train_again(blobs: Any) -> None:
    m = model(XgboostModel(bytes(xgb_train(blobs, "binary:logistic").save_raw("json"))))
    with pytest.raises(UnsupportedError, match="cannot be trained again"):
        m.refit(*blobs, seed=0)


def test_regressors_are_no_classifiers(blobs: Any) -> None:
    with pytest.raises(UnsupportedError, match="reg:squarederror is no classifier"):
        XgboostModel(bytes(xgb_train(blobs, "reg:squarederror").save_raw("ubj")))
    with pytest.raises(UnsupportedError, match="'regression' is no classifier"):
        LightgbmModel(lgb_train(blobs, "regression").model_to_string().encode())
