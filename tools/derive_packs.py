# ruff: noqa: BLE001, E501, S112, T201
"""Derive the packs of the pickle scanner from real models: fit, pickle, walk, and keep the exact globals and uses.

    python tools/derive_packs.py            # writes src/hauberk/artifact/packs/{numpy,scipy,…}.json

Every estimator of scikit-learn is fitted and written by pickle (protocols 0 to 5) and joblib; every layer of
torch.nn is built and saved; xgboost and lightgbm wrappers, pandas frames and SciPy matrices likewise. What the
symbolic machine then sees is written down: which global, in which use. A name on REFUSED never gets in, whatever
a model does. Read the difference before you commit it.
"""

from __future__ import annotations

import io
import json
import pickle
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hauberk.artifact.formats.joblib import raw_array
from hauberk.artifact.formats.machine import Machine, Watcher
from hauberk.artifact.formats.opcodes import Global, Made, Seq

PACKS = Path(__file__).parent.parent / "src" / "hauberk" / "artifact" / "packs"
CLASS_FIRST = {
    "_reconstructor",
    "__newobj__",
    "__newobj_ex__",
    "_reconstruct",
    "newObj",
    "_new_Index",
    "_mareconstruct",
}
LIBRARIES = ("numpy", "scipy", "sklearn", "joblib", "pandas", "torch", "xgboost", "lightgbm")
REFUSED = ("builtins:getattr", "functools:partial", "torch.storage:_load_from_bytes", "torch:load")
BY_HAND = ("stdlib", "dangerous")


class Recorder(Watcher):
    """Writes down (module, name) -> uses."""

    def __init__(self) -> None:
        self.uses: dict[tuple[str, str], set[str]] = defaultdict(set)

    def mention(self, name: Global) -> None:
        self.uses[name.module, name.name].add("import")

    def call(self, use: str, target: Any, args: Any, at: int) -> Any:
        if not isinstance(target, Global):
            return Made(target, args)
        self.uses[target.module, target.name].add(use)
        first = args.items[0] if isinstance(args, Seq) and args.items else None
        shaped = target.name in CLASS_FIRST or target.name.startswith("__pyx_unpickle")
        if shaped and isinstance(first, Global):
            self.uses[first.module, first.name].add("new")
            return Made(target, args, first)
        return Made(target, args)

    def build(self, target: Any, state: Any, at: int) -> None:
        if isinstance(target, Made):
            target.state = state
            if isinstance(target.cls, Global):
                self.uses[target.cls.module, target.cls.name].add("build")

    def after_build(self, machine: Machine) -> None:
        raw_array(machine, self)  # type: ignore[arg-type]

    def odd(self, what: str, at: int) -> None:
        print("odd:", what, file=sys.stderr)

    def read(self, data: bytes) -> None:
        view, pos = memoryview(data), 0
        while pos < len(data):
            machine = Machine(view, pos, self)
            pos = machine.run()


def written(model: Any) -> Iterator[bytes]:
    """A model as every protocol and joblib write it; what cannot be pickled is passed over."""
    import joblib

    for protocol in range(6):
        try:
            yield pickle.dumps(model, protocol)
        except Exception as error:  # a model that has no pickle has nothing to allow
            print(f"{type(model).__name__}: protocol {protocol}: {error}", file=sys.stderr)
    buffer = io.BytesIO()
    try:
        joblib.dump(model, buffer)
        yield buffer.getvalue()
    except Exception as error:  # as above
        print(f"{type(model).__name__}: joblib: {error}", file=sys.stderr)


def fitted_sklearn() -> Iterator[Any]:
    """Every estimator of scikit-learn, fitted on small data in the ways that its tests would."""
    import numpy as np
    from sklearn.utils import all_estimators
    from sklearn.utils._test_common.instance_generator import _construct_instances

    rng = np.random.default_rng(0)
    x = rng.uniform(0.1, 1, (60, 4))
    y = np.arange(60) % 3
    targets: list[Any] = [y, y % 2, x[:, 0], np.stack([y, y], 1), None]
    texts = ["a b c", "b c d", "c d e"] * 20
    for name, cls in all_estimators():
        try:
            instances = list(_construct_instances(cls))
        except Exception as error:  # abstract or in need of an optional library
            print(f"{name}: {error}", file=sys.stderr)
            continue
        for instance in instances:
            yield instance
            for data in (x, texts, [{"a": 1, "b": 2}] * 60, x.astype("float32")):
                for target in targets:
                    try:
                        yield instance.fit(data, target) if target is not None else instance.fit(data)
                    except Exception:  # wrong kind of data or target for this estimator
                        continue


def sklearn_more() -> Iterator[Any]:
    """Combinations that people ship: pipelines, column transformers, searches, calibrated and stacked models."""
    import numpy as np
    import pandas as pd
    from scipy import stats
    from sklearn import (
        calibration,
        compose,
        ensemble,
        feature_selection,
        gaussian_process,
        impute,
        linear_model,
        metrics,
        model_selection,
        naive_bayes,
        neighbors,
        neural_network,
        pipeline,
        preprocessing,
        svm,
        tree,
    )

    rng = np.random.default_rng(0)
    x = rng.uniform(0.1, 1, (80, 4))
    y = np.arange(80) % 2
    frame = pd.DataFrame(x, columns=list("abcd")).assign(city=pd.Series(["x", "y"] * 40), flag=y.astype(bool))
    columns = compose.ColumnTransformer(
        [
            ("n", pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler()), list("abcd")),
            ("c", preprocessing.OneHotEncoder(handle_unknown="ignore"), ["city"]),
            ("o", preprocessing.OrdinalEncoder(), compose.make_column_selector(dtype_include=object)),
        ],
        remainder="passthrough",
    )
    yield pipeline.make_pipeline(columns, linear_model.LogisticRegression()).fit(frame, y)
    yield pipeline.make_pipeline(columns, ensemble.RandomForestClassifier(5)).fit(frame, y)
    yield model_selection.GridSearchCV(svm.SVC(), {"C": [1, 2]}, cv=3).fit(x, y)
    yield model_selection.RandomizedSearchCV(tree.DecisionTreeClassifier(), {"max_depth": [2, 3]}, n_iter=2, cv=3).fit(
        x, y
    )
    yield model_selection.RandomizedSearchCV(
        linear_model.Ridge(), {"alpha": stats.uniform(0.1, 1)}, n_iter=2, cv=3, random_state=np.random.RandomState(0)
    ).fit(x, y)
    yield calibration.CalibratedClassifierCV(naive_bayes.GaussianNB(), cv=3).fit(x, y)
    for method in ("sigmoid", "isotonic"):
        yield calibration.CalibratedClassifierCV(svm.LinearSVC(), method=method, cv=3).fit(x, y)
    base = [("a", linear_model.LogisticRegression()), ("b", neighbors.KNeighborsClassifier())]
    yield ensemble.VotingClassifier(base).fit(x, y)
    yield ensemble.StackingClassifier(base, cv=3).fit(x, y)
    yield feature_selection.SelectKBest().fit(x, y)
    yield pipeline.make_pipeline(
        preprocessing.FunctionTransformer(np.log1p),
        feature_selection.SelectFromModel(ensemble.ExtraTreesClassifier(3)),
        linear_model.SGDClassifier(random_state=np.random.RandomState(3)),
    ).fit(x, y)
    for kernel in (
        "Matern",
        "RBF",
        "DotProduct",
        "RationalQuadratic",
        "WhiteKernel",
        "ExpSineSquared",
        "ConstantKernel",
    ):
        one = getattr(gaussian_process.kernels, kernel)()
        for made in (one, one + gaussian_process.kernels.WhiteKernel(), one * gaussian_process.kernels.RBF()):
            yield made
            try:
                yield gaussian_process.GaussianProcessClassifier(made).fit(x, y)
                yield gaussian_process.GaussianProcessRegressor(made, alpha=0.1).fit(x, x[:, 0])
            except np.linalg.LinAlgError:  # not every kernel suits every data set
                continue
    for solver in ("adam", "sgd", "lbfgs"):
        yield neural_network.MLPClassifier((4,), solver=solver, max_iter=20, early_stopping=solver != "lbfgs").fit(x, y)
    for loss in (
        "hinge",
        "log_loss",
        "modified_huber",
        "squared_hinge",
        "perceptron",
        "squared_error",
        "huber",
        "epsilon_insensitive",
        "squared_epsilon_insensitive",
    ):
        yield linear_model.SGDClassifier(loss=loss, max_iter=5).fit(x, y)
    for loss in ("squared_error", "absolute_error", "gamma", "poisson", "quantile"):
        yield ensemble.HistGradientBoostingRegressor(loss=loss, max_iter=3, quantile=0.5).fit(x, x[:, 0])
    for loss in ("squared_error", "absolute_error", "huber", "quantile"):
        yield ensemble.GradientBoostingRegressor(loss=loss, n_estimators=2).fit(x, x[:, 0])
    for loss in ("log_loss", "exponential"):
        yield ensemble.GradientBoostingClassifier(loss=loss, n_estimators=2).fit(x, y)
    yield ensemble.HistGradientBoostingClassifier(max_iter=3, early_stopping=True).fit(x, np.arange(80) % 4)
    for criterion in ("squared_error", "friedman_mse", "absolute_error", "poisson"):
        yield tree.DecisionTreeRegressor(criterion=criterion).fit(x, x[:, 0])
    for algorithm in ("ball_tree", "kd_tree", "brute"):
        for metric in ("minkowski", "euclidean", "manhattan", "chebyshev"):
            yield neighbors.KNeighborsClassifier(algorithm=algorithm, metric=metric).fit(x, y)
    for metric in neighbors.BallTree.valid_metrics:
        try:
            yield neighbors.BallTree(x, metric=metric)
        except Exception:  # metrics that need more arguments
            continue
    yield metrics.make_scorer(metrics.f1_score, average="macro")
    yield from (
        frame,
        frame["a"],
        frame["city"],
        frame.astype({"city": "category"}),
        x,
        y,
        np.float64(3),
        np.array("a"),
    )


def scipy_pandas_numpy() -> Iterator[Any]:
    """Plain data as it lies beside models."""
    import datetime
    import decimal
    import uuid

    import numpy as np
    import pandas as pd
    import scipy.sparse as sp
    from scipy import interpolate, spatial, stats

    dense = np.eye(4)
    for form in ("csr", "csc", "coo", "bsr", "dia", "dok", "lil"):
        yield getattr(sp, form + "_matrix")(dense)
        yield getattr(sp, form + "_array")(dense)
    yield interpolate.interp1d([0, 1, 2], [0, 1, 2])
    yield interpolate.make_interp_spline([0, 1, 2, 3], [0, 1, 2, 3])
    yield from (
        interpolate.PchipInterpolator([0, 1, 2], [0, 1, 2]),
        interpolate.RegularGridInterpolator(([0, 1],), [0, 1]),
    )
    yield from (spatial.KDTree(dense), spatial.cKDTree(dense))
    yield from (stats.norm(0, 1), stats.uniform(0, 1), stats.randint(0, 4), stats.loguniform(0.1, 1))
    for kind in ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"):
        yield np.random.Generator(getattr(np.random, kind)(0))
    yield np.random.RandomState(0)
    for dtype in ("?", "b", "h", "i", "q", "e", "f", "d", "g", "F", "D", "U5", "S5", "M8[ns]", "m8[s]", "O"):
        yield np.zeros(3, dtype)
        yield np.zeros(3, dtype)[0]
        yield np.dtype(dtype)
    yield np.zeros(2, [("a", "f4"), ("b", "i8")])
    yield np.ma.masked_array([1, 2], [0, 1])
    yield np.matrix([[1, 2]])
    yield np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f4")])
    yield np.poly1d([1, 2])
    yield from (np.polynomial.Polynomial([1, 2]), np.log1p, np.add, np.exp, np.sqrt, np.log, np.abs)
    yield np.asfortranarray(dense)
    series = pd.Series([1, 2, None], index=pd.date_range("2020", periods=3))
    yield from (series, series.index, pd.Timestamp("2020"), pd.Timedelta("1s"), pd.Interval(0, 1), pd.NA, pd.NaT)
    yield pd.DataFrame(
        {"a": pd.Categorical(["x", "y"]), "b": pd.array([1, None], "Int64"), "c": pd.array(["a", None], "string")}
    )
    yield pd.DataFrame({"d": pd.array([True, None], "boolean"), "e": pd.array([1.0, None], "Float64"), "f": [[1], [2]]})
    yield from (
        pd.MultiIndex.from_product([[1, 2], ["a"]]),
        pd.RangeIndex(3),
        pd.Index(["a"]),
        pd.period_range("2020", periods=2, freq="M"),
    )
    yield pd.cut(pd.Series([1.0, 2, 3]), 2)
    yield pd.DataFrame({"t": pd.date_range("2020", periods=2, tz="UTC")})
    yield from (datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), datetime.timedelta(1), datetime.date(2020, 1, 1))
    yield from (decimal.Decimal("1.5"), uuid.UUID(int=1))


def functions() -> Iterator[Any]:
    """Functions and types that models hold by name and call when they predict: each computes and does nothing else."""
    import numpy as np
    from scipy import stats
    from sklearn import feature_selection, gaussian_process, metrics, model_selection
    from sklearn.frozen import FrozenEstimator
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import pairwise

    yield from (f for f in vars(np).values() if isinstance(f, np.ufunc))
    yield from (t for t in vars(np).values() if isinstance(t, type) and issubclass(t, np.generic))
    yield from (
        np.mean,
        np.median,
        np.std,
        np.var,
        np.sum,
        np.nanmean,
        np.nanmedian,
        np.nan_to_num,
        np.ravel,
        np.squeeze,
    )
    for home, ends in ((metrics, ("_score", "_error", "_loss")), (pairwise, ("_distances", "_kernel", "_similarity"))):
        yield from (f for n, f in vars(home).items() if n.endswith(ends) and callable(f) and n[0] != "_")
    choice = feature_selection
    yield from (
        choice.f_classif,
        choice.f_regression,
        choice.chi2,
        choice.mutual_info_classif,
        choice.mutual_info_regression,
    )
    for name in (
        "KFold",
        "GroupKFold",
        "StratifiedKFold",
        "ShuffleSplit",
        "StratifiedShuffleSplit",
        "TimeSeriesSplit",
        "RepeatedKFold",
        "RepeatedStratifiedKFold",
        "LeaveOneOut",
        "GroupShuffleSplit",
        "StratifiedGroupKFold",
    ):
        yield getattr(model_selection, name)()
    kernels = gaussian_process.kernels
    yield from (
        kernels.Exponentiation(kernels.RBF(), 2),
        kernels.CompoundKernel([kernels.RBF()]),
        kernels.PairwiseKernel(),
    )
    yield FrozenEstimator(LogisticRegression())
    shapes = {"beta": (1, 2), "gamma": (1,), "lognorm": (1,), "loguniform": (0.1, 1), "t": (3,), "truncnorm": (0, 1)}
    for name in ("norm", "uniform", "expon", "cauchy", "laplace", "logistic", *shapes):
        yield getattr(stats, name)(*shapes.get(name, ()))
    yield from (stats.randint(0, 4), stats.poisson(2), stats.binom(3, 0.5), stats.geom(0.5))


def boosters() -> Iterator[Any]:
    """XGBoost and LightGBM, their scikit-learn faces and their own."""
    import lightgbm as lgb
    import numpy as np
    import xgboost as xgb

    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 1, (80, 4)), np.arange(80) % 3
    options = {"n_estimators": 3, "n_jobs": 1}
    for cls in (xgb.XGBClassifier, xgb.XGBRegressor, xgb.XGBRFClassifier, xgb.XGBRFRegressor):
        yield cls(**options).fit(x, y)
        yield cls(**options).fit(x, y % 2)
    yield xgb.XGBRanker(**options).fit(x, y, qid=np.zeros(80))
    yield xgb.train({}, xgb.DMatrix(x, y), 2)
    for light in (lgb.LGBMClassifier, lgb.LGBMRegressor):
        for kind in ("gbdt", "dart", "rf"):
            more = {"bagging_freq": 1, "bagging_fraction": 0.5} if kind == "rf" else {}
            yield light(boosting_type=kind, min_child_samples=2, verbose=-1, **options, **more).fit(x, y)
    yield lgb.LGBMRanker(verbose=-1, **options).fit(x, y, group=[80])
    yield lgb.train({"verbose": -1}, lgb.Dataset(x, y), 2)


def torch_pickles() -> Iterator[bytes]:
    """data.pkl of every layer of torch.nn, of state dicts in every type, and of optimizers."""
    import inspect
    import zipfile

    import torch

    def saved(value: Any) -> Iterator[bytes]:
        for protocol in (2, 4, 5):
            buffer = io.BytesIO()
            try:
                torch.save(value, buffer, pickle_protocol=protocol)
            except Exception as error:  # such as weak references
                print(f"{type(value).__name__}: {error}", file=sys.stderr)
                return
            with zipfile.ZipFile(buffer) as archive:
                yield archive.read(next(n for n in archive.namelist() if n.endswith("data.pkl")))

    arguments: tuple[tuple[Any, ...], ...] = (
        (),
        (4,),
        (4, 2),
        (4, 4, 1),
        (4, 4, 4, 1),
        (1, 4, 4),
        ([4],),
        (2, 4, 1),
        (0.5, 1, 2),
    )
    for name, cls in inspect.getmembers(torch.nn, inspect.isclass):
        if not issubclass(cls, torch.nn.Module):
            continue
        for given in arguments:
            try:
                layer = cls(*given)
            except Exception:  # another number of arguments
                continue
            yield from saved(layer)
            yield from saved(layer.state_dict())
            break
        else:
            print(f"torch.nn.{name}: no arguments fit", file=sys.stderr)
    block = torch.nn.TransformerEncoderLayer(4, 2, 8)
    yield from saved(torch.nn.TransformerEncoder(block, 2))
    yield from saved(torch.nn.MultiheadAttention(4, 2))
    yield from saved(torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.ReLU()))
    yield from saved(torch.nn.ModuleList([torch.nn.Linear(2, 2)]))
    yield from saved(torch.nn.ModuleDict({"a": torch.nn.Linear(2, 2)}))
    for dtype in (
        torch.float64,
        torch.float32,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
        torch.bool,
        torch.complex64,
        torch.complex128,
        torch.float8_e4m3fn,
        torch.float8_e5m2,
        torch.uint16,
        torch.uint32,
        torch.uint64,
    ):
        yield from saved({"x": torch.zeros(3, dtype=dtype), "dtype": dtype})
    yield from saved(torch.nn.Parameter(torch.zeros(2)))
    tagged = torch.nn.Parameter(torch.zeros(2))
    tagged.tag = "x"
    yield from saved(tagged)
    yield from saved(torch.eye(3).to_sparse())
    yield from saved(torch.eye(3).to_sparse_csr())
    yield from saved(torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.qint8))
    yield from saved(torch.quantize_per_channel(torch.zeros(3, 3), torch.ones(3), torch.zeros(3), 0, torch.quint8))
    yield from saved(
        {
            "device": torch.device("cpu"),
            "size": torch.Size([1, 2]),
            "layout": torch.strided,
            "generator": torch.Generator().get_state(),
        }
    )
    layer = torch.nn.Linear(2, 2)
    for name, cls in inspect.getmembers(torch.optim, inspect.isclass):
        if issubclass(cls, torch.optim.Optimizer) and cls is not torch.optim.Optimizer:
            yield from saved({"optimizer": cls([layer.weight], lr=0.1).state_dict() if name != "LBFGS" else {}})
    import numpy as np

    yield from saved({"mean": np.zeros(3), "best": np.float64(0.1), "epoch": 3})


def group(uses: dict[tuple[str, str], set[str]], library: str) -> list[dict[str, Any]]:
    """The names of one library, by use, with the reason."""
    by_use: dict[tuple[tuple[str, ...], str, str], list[str]] = defaultdict(list)
    for (module, name), how in sorted(uses.items()):
        if module.partition(".")[0] == library:
            shape = "class_first" if name in CLASS_FIRST or name.startswith("__pyx_unpickle") else ""
            shape = "bit_generator" if module == "numpy.random._pickle" else shape
            state = "stats_template" if module.startswith("scipy.stats._") and name.endswith("_gen") else ""
            shape = "parameter" if name == "_rebuild_parameter_with_state" else shape
            state = "text_input" if module == "sklearn.feature_extraction.text" and "Vectorizer" in name else state
            state = "dtype" if (module, name) == ("numpy", "dtype") else state
            by_use[tuple(sorted(how)), shape, state].append(f"{module}:{name}")
    return [
        {"reason": REASONS["build" if "build" in how else "call" if {"call", "new"} & set(how) else "import"],
         "uses": list(how), **({"shape": shape} if shape else {}), **({"state": state} if state else {}),
         "names": names}
        for (how, shape, state), names in sorted(by_use.items())
    ]  # fmt: skip


REASONS = {
    "build": "a class of which honest models hold instances; making one and setting its attributes runs no code of the file",
    "call": "a constructor that honest models call; it computes a value from plain arguments",
    "import": "a name that honest models hold and loading does not call; it computes and does nothing else",
}


def write(name: str, libraries: tuple[str, ...], groups: list[dict[str, Any]]) -> None:
    """One pack."""
    versions = ", ".join(
        f"{library} {version({'sklearn': 'scikit-learn'}.get(library, library))}" for library in libraries
    )
    pack = {"about": f"Written by tools/derive_packs.py from real models of {versions}.", "allow": groups}
    (PACKS / f"{name}.json").write_text(json.dumps(pack, indent=1) + "\n")


UNSAFE_WORDS = frozenset(
    ("save", "file", "load", "import", "print", "system", "exec", "open", "rpc", "PythonOp", "IgnoredPythonOp", "Print",
     "nvshmem", "nccl", "distributed")
)  # fmt: skip
"""An operator with one of these words in its name is never allowed, whatever it does. aten::warn prints, and stays:
torch.nn.functional.softmax has it."""


def torch_operators() -> None:
    """The pack of TorchScript operators: torch's own registry, without what touches files."""
    import torch

    names = {schema.name for schema in torch._C._jit_get_all_schemas()}
    names |= {
        f"aten::{n}"
        for each in torch._C._dispatch_get_all_op_names()
        for n in [each.partition("::")[2].partition(".")[0]]
    }
    spaces = ("aten::", "prim::", "prims::", "quantized::", "_quantized::", "torchvision::", "quantized_decomposed::")
    allowed = sorted(
        n for n in names if n.startswith(spaces) and not set(n.partition("::")[2].split("_")) & UNSAFE_WORDS
    )
    pack = {
        "about": f"Operators of torch {torch.__version__} that compute; written by tools/derive_packs.py.",
        "allow": allowed,
    }
    (PACKS / "torch_ops.json").write_text(json.dumps(pack, indent=0) + "\n")


def main() -> None:
    """Derive every pack."""
    warnings.simplefilter("ignore")
    recorder = Recorder()
    sources: tuple[Callable[[], Iterator[Any]], ...] = (
        fitted_sklearn,
        sklearn_more,
        scipy_pandas_numpy,
        functions,
        boosters,
    )
    for source in sources:
        print(source.__name__, file=sys.stderr)
        for model in source():
            for data in written(model):
                recorder.read(data)
    for data in torch_pickles():
        recorder.read(data)
    for name in REFUSED:
        module, _, attribute = name.partition(":")
        recorder.uses.pop((module, attribute), None)
    for library in LIBRARIES:
        write(library, (library,), group(recorder.uses, library))
    torch_operators()
    rest = {k: sorted(v) for k, v in recorder.uses.items() if k[0].partition(".")[0] not in LIBRARIES}
    print(json.dumps({f"{m}:{n}": v for (m, n), v in sorted(rest.items())}, indent=1))


if __name__ == "__main__":
    main()
