"""Honest models made with the libraries themselves, as their manuals say; for the false positives of scan.run.

    made(folder) -> [(format, library and version, path)]

A library that is not installed makes nothing, and says so on stderr.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

Maker = Callable[[Path], Iterator[tuple[str, Path]]]
MAKERS: dict[str, Maker] = {}


def maker(package: str) -> Callable[[Maker], Maker]:
    """Register what makes models with a package."""

    def keep(make: Maker) -> Maker:
        MAKERS[package] = make
        return make

    return keep


def made(folder: Path) -> list[tuple[str, str, Path]]:
    """Make them all below a folder."""
    out = []
    for package, make in MAKERS.items():
        place = folder / package
        place.mkdir(parents=True, exist_ok=True)
        try:
            out += [(form, f"{package} {version(package)}", path) for form, path in make(place)]
        except ImportError as error:
            print(f"{package}: {error}", file=sys.stderr)
    return out


def data() -> tuple[Any, Any]:
    """A table to fit on."""
    from sklearn.datasets import load_iris

    x, y = load_iris(return_X_y=True)
    return x, y


@maker("scikit-learn")
def sklearn(place: Path) -> Iterator[tuple[str, Path]]:
    """A dozen estimators, pickled and by joblib, plain and compressed."""
    import joblib
    from sklearn import ensemble, linear_model, naive_bayes, neighbors, neural_network, pipeline, preprocessing, svm

    x, y = data()
    models = {
        "logistic": linear_model.LogisticRegression(max_iter=500), "forest": ensemble.RandomForestClassifier(5),
        "boosting": ensemble.HistGradientBoostingClassifier(max_iter=5),
        "gradient": ensemble.GradientBoostingClassifier(),
        "bayes": naive_bayes.GaussianNB(), "neighbours": neighbors.KNeighborsClassifier(), "svc": svm.SVC(),
        "mlp": neural_network.MLPClassifier(max_iter=50), "isolation": ensemble.IsolationForest(n_estimators=5),
        "pipeline": pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.SGDClassifier()),
    }  # fmt: skip
    for name, model in models.items():
        model.fit(x, y)
        path = place / f"{name}.pkl"
        path.write_bytes(pickle.dumps(model))
        yield "pickle", path
        packed = {"forest": 3, "svc": ("xz", 3), "logistic": ("bz2", 3)}.get(name, 0)
        path = place / f"{name}.joblib"
        joblib.dump(model, path, compress=packed)
        yield "joblib", path


@maker("skops")
def skops(place: Path) -> Iterator[tuple[str, Path]]:
    """A forest."""
    from sklearn.ensemble import RandomForestClassifier
    from skops.io import dump

    dump(RandomForestClassifier(5).fit(*data()), place / "forest.skops")
    yield "skops", place / "forest.skops"


@maker("xgboost")
def xgboost(place: Path) -> Iterator[tuple[str, Path]]:
    """JSON, UBJSON, and a pickled estimator."""
    from xgboost import XGBClassifier

    model = XGBClassifier(n_estimators=4).fit(*data())
    for name in ("m.json", "m.ubj"):
        model.save_model(place / name)
        yield "XGBoost", place / name
    (place / "m.pkl").write_bytes(pickle.dumps(model))
    yield "pickle", place / "m.pkl"


@maker("lightgbm")
def lightgbm(place: Path) -> Iterator[tuple[str, Path]]:
    """Text, and a pickled estimator."""
    from lightgbm import LGBMClassifier

    model = LGBMClassifier(n_estimators=4, verbose=-1).fit(*data())
    model.booster_.save_model(place / "m.txt")
    yield "LightGBM", place / "m.txt"
    (place / "m.pkl").write_bytes(pickle.dumps(model))
    yield "pickle", place / "m.pkl"


@maker("torch")
def torch(place: Path) -> Iterator[tuple[str, Path]]:
    """A state dict, zip and legacy; a whole checkpoint with an optimiser; TorchScript; an exported program."""
    import torch as t

    net = t.nn.Sequential(t.nn.Conv2d(1, 4, 3), t.nn.BatchNorm2d(4), t.nn.ReLU(), t.nn.Flatten(), t.nn.Linear(2704, 10))
    optimiser = t.optim.Adam(net.parameters())
    net(t.zeros(2, 1, 28, 28)).sum().backward()
    optimiser.step()
    example = (t.zeros(1, 1, 28, 28),)
    t.save(net.state_dict(), place / "state.pt")
    t.save(net.state_dict(), place / "legacy.pt", _use_new_zipfile_serialization=False)
    t.save({"epoch": 3, "net": net.state_dict(), "optimiser": optimiser.state_dict()}, place / "checkpoint.ckpt")
    t.jit.trace(net.eval(), example).save(str(place / "traced.pt"))
    t.jit.script(net).save(str(place / "scripted.pt"))
    t.export.save(t.export.export(net, example), place / "program.pt2")
    yield from (("torch", path) for path in sorted(place.iterdir()))


@maker("safetensors")
def safetensors(place: Path) -> Iterator[tuple[str, Path]]:
    """Two tensors with metadata."""
    import numpy as np
    from safetensors.numpy import save_file

    rng = np.random.default_rng(0)
    tensors = {"a": rng.normal(size=(64, 64)).astype(np.float32), "b": np.zeros(64, np.float16)}
    save_file(tensors, place / "m.safetensors", metadata={"format": "np"})
    yield "safetensors", place / "m.safetensors"


@maker("onnx")
def onnx(place: Path) -> Iterator[tuple[str, Path]]:
    """One with its weights inside, one with its weights beside it."""
    import numpy as np
    import onnx as o

    weight = o.numpy_helper.from_array(np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32), "w")
    ends = [o.helper.make_tensor_value_info(n, o.TensorProto.FLOAT, [1, 64]) for n in ("x", "y")]
    graph = o.helper.make_graph([o.helper.make_node("MatMul", ["x", "w"], ["y"])], "g", ends[:1], ends[1:], [weight])
    o.save_model(o.helper.make_model(graph), place / "inside.onnx")
    beside = place / "beside"
    beside.mkdir(exist_ok=True)
    o.save_model(o.helper.make_model(graph), beside / "m.onnx", save_as_external_data=True, size_threshold=0,
                 location="m.data")  # fmt: skip
    yield "ONNX", place / "inside.onnx"
    yield "ONNX", beside


@maker("numpy")
def numpy(place: Path) -> Iterator[tuple[str, Path]]:
    """Arrays: plain, Fortran, structured, and in archives."""
    import numpy as np

    a = np.random.default_rng(0).normal(size=(30, 20))
    np.save(place / "plain.npy", a)
    np.save(place / "fortran.npy", np.asfortranarray(a))
    np.save(place / "structured.npy", np.zeros(5, [("a", "<f4"), ("b", "<i8", (2,))]))
    np.savez(place / "stored.npz", a=a, b=a.astype(np.float16))
    np.savez_compressed(place / "packed.npz", a=a)
    for path in sorted(place.iterdir()):
        yield f"NumPy {path.suffix}", path


@maker("pandas")
def pandas(place: Path) -> Iterator[tuple[str, Path]]:
    """A frame, pickled."""
    import pandas as p

    frame = p.DataFrame({"a": [1.0, 2.5], "b": ["x", "y"], "c": p.to_datetime(["2024-01-01", "2024-05-01"])})
    frame.to_pickle(place / "frame.pkl")
    frame.to_pickle(place / "frame.pkl.gz")
    yield "pickle", place / "frame.pkl"
    yield "joblib", place / "frame.pkl.gz"
