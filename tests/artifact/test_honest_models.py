"""Honest models of every format that `hauberk audit` loads: not one finding, not one skip."""

from __future__ import annotations

import io
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hauberk.artifact.scan import Scanned, scan
from hauberk.core.nouns import Verdict

np = pytest.importorskip("numpy")
Scanner = Callable[..., Scanned]


def clean(seen: Scanned) -> None:
    assert seen.verdict is Verdict.HELD, ([(f.rule, f.place, f.message) for f in seen.findings[:5]], seen.skipped[:5])


X = np.random.default_rng(0).uniform(0.1, 1, (60, 4))
Y = np.arange(60) % 3


def sklearn_models() -> dict[str, Callable[[], Any]]:
    from sklearn import (
        calibration,
        compose,
        discriminant_analysis,
        ensemble,
        gaussian_process,
        impute,
        linear_model,
        model_selection,
        naive_bayes,
        neighbors,
        neural_network,
        pipeline,
        preprocessing,
        svm,
        tree,
    )

    pipe = pipeline.make_pipeline
    return {
        "logistic": linear_model.LogisticRegression,
        "sgd": lambda: linear_model.SGDClassifier(random_state=np.random.RandomState(0)),
        "ridge": linear_model.RidgeClassifier,
        "forest": lambda: ensemble.RandomForestClassifier(5, random_state=0),
        "extra trees": lambda: ensemble.ExtraTreesClassifier(3),
        "boosting": lambda: ensemble.GradientBoostingClassifier(n_estimators=3),
        "hist boosting": lambda: ensemble.HistGradientBoostingClassifier(max_iter=3),
        "ada": lambda: ensemble.AdaBoostClassifier(n_estimators=3),
        "bagging": lambda: ensemble.BaggingClassifier(n_estimators=3),
        "isolation": lambda: ensemble.IsolationForest(n_estimators=3),
        "tree": tree.DecisionTreeClassifier,
        "svc": lambda: svm.SVC(),
        "linear svc": svm.LinearSVC,
        "knn ball": lambda: neighbors.KNeighborsClassifier(algorithm="ball_tree"),
        "knn kd": lambda: neighbors.KNeighborsClassifier(algorithm="kd_tree"),
        "naive bayes": naive_bayes.GaussianNB,
        "lda": discriminant_analysis.LinearDiscriminantAnalysis,
        "qda": lambda: discriminant_analysis.QuadraticDiscriminantAnalysis(reg_param=0.1),
        "mlp": lambda: neural_network.MLPClassifier((8,), max_iter=20),
        "gp": lambda: gaussian_process.GaussianProcessClassifier(gaussian_process.kernels.RBF()),
        "pipeline": lambda: pipe(impute.SimpleImputer(), preprocessing.StandardScaler(), linear_model.Perceptron()),
        "function": lambda: pipe(preprocessing.FunctionTransformer(np.log1p), linear_model.LogisticRegression()),
        "columns": lambda: pipe(
            compose.ColumnTransformer([("a", preprocessing.MinMaxScaler(), [0, 1])], remainder="passthrough"),
            ensemble.RandomForestClassifier(3),
        ),
        "calibrated": lambda: calibration.CalibratedClassifierCV(naive_bayes.GaussianNB(), cv=2),
        "search": lambda: model_selection.GridSearchCV(tree.DecisionTreeClassifier(), {"max_depth": [1, 2]}, cv=2),
        "voting": lambda: ensemble.VotingClassifier([("a", tree.DecisionTreeClassifier())]),
        "stacking": lambda: ensemble.StackingClassifier([("a", tree.DecisionTreeClassifier())], cv=2),
    }


MODELS = sklearn_models()


def fitted(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MODELS[name]().fit(X, Y)


@pytest.mark.parametrize("name", MODELS)
def test_sklearn(scanned: Scanner, name: str) -> None:
    model = fitted(name)
    for protocol in (0, 2, 3, 4, 5):
        clean(scanned(pickle.dumps(model, protocol), f"{protocol}.pkl"))


@pytest.mark.parametrize("name", ["forest", "hist boosting", "svc", "pipeline", "search", "knn ball"])
@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)], ids=str)
def test_joblib(tmp_path: Path, name: str, compress: Any) -> None:
    import joblib

    joblib.dump(fitted(name), tmp_path / "m.joblib", compress=compress)
    clean(scan(tmp_path / "m.joblib"))


@pytest.mark.parametrize("name", ["forest", "logistic", "svc", "pipeline", "hist boosting", "mlp"])
def test_skops(scanned: Scanner, name: str) -> None:
    import skops.io

    clean(scanned(skops.io.dumps(fitted(name))))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f8", "f4", "i2", "?", "U3", "S3", "M8[s]", "c16", [("a", "f4"), ("b", "i8", (2,))]])
def test_numpy_arrays(tmp_path: Path, order: str, dtype: Any) -> None:
    import joblib

    array = np.asarray(np.zeros((7, 3), dtype), order=order)
    np.save(tmp_path / "a.npy", array)
    np.savez_compressed(tmp_path / "b.npz", a=array, b=array[:1])
    joblib.dump({"x": array, "y": [array, array]}, tmp_path / "c.joblib")
    clean(scan(tmp_path))


def test_an_object_array_of_text(scanned: Scanner) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array(["a", None, 1.5], dtype=object), allow_pickle=True)
    clean(scanned(buffer.getvalue()))


def test_pandas(scanned: Scanner) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1.0, 2], "b": ["x", "y"], "c": pd.Categorical(["u", "v"])})
    for protocol in (2, 5):
        clean(scanned(pickle.dumps(frame, protocol)))


def test_xgboost(scanned: Scanner, tmp_path: Path) -> None:
    xgb = pytest.importorskip("xgboost")
    model = xgb.XGBClassifier(n_estimators=3, n_jobs=1).fit(X, Y)
    for name in ("m.json", "m.ubj"):
        model.save_model(tmp_path / name)
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(model))
    seen = scan(tmp_path)
    clean(seen)
    assert seen.formats["m.json"] == seen.formats["m.ubj"] == "xgboost"


def test_lightgbm(tmp_path: Path) -> None:
    lgb = pytest.importorskip("lightgbm")
    model = lgb.LGBMClassifier(n_estimators=3, n_jobs=1, verbose=-1, min_child_samples=2).fit(X, Y)
    model.booster_.save_model(tmp_path / "m.txt")
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(model))
    seen = scan(tmp_path)
    clean(seen)
    assert seen.formats["m.txt"] == "lightgbm"


def network() -> Any:
    torch = pytest.importorskip("torch")
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 3)
    ).eval()


def test_torch_checkpoints(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    net = network()
    torch.save(net.state_dict(), tmp_path / "state.pt")
    torch.save(net, tmp_path / "whole.pt")
    torch.save({"model": net.state_dict(), "epoch": 3, "best": np.float64(1)}, tmp_path / "checkpoint.pt")
    torch.save(net.state_dict(), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    torch.save({n: t.half() for n, t in net.state_dict().items()}, tmp_path / "half.bin")
    clean(scan(tmp_path))


def test_torchscript(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(network(), torch.zeros(1, 1, 8, 8))
        traced.save(str(tmp_path / "traced.pt"))
        torch.jit.script(network()).save(str(tmp_path / "scripted.pt"))
        torch.jit.freeze(torch.jit.script(network())).save(str(tmp_path / "frozen.pt"))
    clean(scan(tmp_path))


def test_exported_program(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    batch = torch.export.Dim("batch")
    program = torch.export.export(network(), (torch.zeros(2, 1, 8, 8),), dynamic_shapes=({0: batch},))
    torch.export.save(program, tmp_path / "m.pt2")
    clean(scan(tmp_path / "m.pt2"))


def test_onnx(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    weight = onnx.numpy_helper.from_array(np.zeros((4, 3), "f4"), "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", kind, [None, 4])],
        [helper.make_tensor_value_info("y", kind, [None, 3])], [weight],
    )  # fmt: skip
    model = helper.make_model(graph, producer_name="test")
    onnx.save(model, tmp_path / "m.onnx")
    clean(scan(tmp_path / "m.onnx"))
    onnx.save(model, tmp_path / "outside.onnx", save_as_external_data=True, location="w.data", size_threshold=0)
    seen = scan(tmp_path)
    clean(seen)
    assert seen.formats["w.data"] == "raw weights"


def test_onnx_from_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network(), (torch.zeros(1, 1, 8, 8),), str(tmp_path / "m.onnx"), verbose=False)
    clean(scan(tmp_path))  # weights inside, or in a file beside it that the folder's digest covers


def test_safetensors(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    from safetensors.numpy import save_file

    save_file({"a": np.zeros((2, 3), "f4"), "b": np.zeros(0, "i8")}, tmp_path / "m.safetensors", {"format": "np"})
    clean(scan(tmp_path / "m.safetensors"))
