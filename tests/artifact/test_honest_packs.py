"""Honest objects that were once refused: each as its library writes it, clean; and their dangerous kin, still told."""

from __future__ import annotations

import io
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from hauberk.artifact.scan import Scanned, scan
from hauberk.artifact.verdicts import Judge, Standing
from hauberk.core.nouns import Verdict

Scanner = Callable[..., Scanned]


def clean(seen: Scanned) -> None:
    assert seen.verdict is Verdict.HELD, ([(f.rule, f.message) for f in seen.findings[:5]], seen.skipped[:5])


NULLABLE = ("Int8", "Int64", "UInt16", "Float32", "Float64", "boolean", "string", "category", "interval[int64]")


@pytest.mark.parametrize("kind", NULLABLE)
@pytest.mark.parametrize("protocol", [2, 4])
def test_types_of_pandas_that_hold_nothing(kind: str, protocol: int, scanned: Scanner) -> None:
    pd = pytest.importorskip("pandas")
    series = pd.Series([], dtype=kind)
    series.dtype.kind, series.dtype.na_value  # noqa: B018 - it remembers what it was asked
    clean(scanned(pickle.dumps((series, series.dtype), protocol), "m.pkl"))


@pytest.mark.parametrize("freq", ["QE", "YE", "min", "us", "SME", "BME", "WOM-1MON", "2D"])
def test_steps_of_time(freq: str, scanned: Scanner) -> None:
    pd = pytest.importorskip("pandas")
    clean(scanned(pickle.dumps(pd.Series([1, 2], index=pd.date_range("2020", periods=2, freq=freq))), "m.pkl"))


def test_every_distribution_of_scipy(tmp_path: Path) -> None:
    stats = pytest.importorskip("scipy.stats")
    given = pytest.importorskip("scipy.stats._distr_params")
    told = []
    for name, shapes in [*given.distcont, *given.distdiscrete]:
        if isinstance(name, str):
            path = tmp_path / name
            path.write_bytes(pickle.dumps(getattr(stats, name)(*shapes)))
            told += [(name, finding.message) for finding in scan(path).findings]
    assert not told


def test_curves_of_scipy(scanned: Scanner) -> None:
    interpolate, np = pytest.importorskip("scipy.interpolate"), pytest.importorskip("numpy")
    x = np.arange(8.0)
    kinds = ("BarycentricInterpolator", "KroghInterpolator", "InterpolatedUnivariateSpline", "CubicSpline")
    clean(scanned(pickle.dumps([getattr(interpolate, kind)(x, x**2) for kind in kinds]), "m.pkl"))


def test_strings_of_numpy(scanned: Scanner) -> None:
    np = pytest.importorskip("numpy", minversion="2")
    clean(scanned(pickle.dumps(np.array(["a", "bc"], np.dtypes.StringDType())), "m.pkl"))


def test_layers_and_schedules_of_torch(scanned: Scanner) -> None:
    torch = pytest.importorskip("torch")
    from torch.nn.utils import prune

    layers = [torch.nn.TransformerEncoderLayer(4, 2, 8, activation=name) for name in ("relu", "gelu")]
    layers += [torch.nn.Unflatten(1, (2, 2)), torch.nn.AdaptiveLogSoftmaxWithLoss(4, 10, [2, 5])]
    layers += [prune.random_unstructured(prune.l1_unstructured(torch.nn.Linear(4, 4), "weight", 0.2), "weight", 0.2)]
    layers += [torch.optim.swa_utils.AveragedModel(torch.nn.Linear(2, 2))]
    schedule = torch.optim.lr_scheduler.StepLR(torch.optim.Adam(layers[0].parameters()), 2)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save({"layers": layers, "schedule": schedule, "scaler": torch.amp.GradScaler("cpu")}, buffer)
    clean(scanned(buffer.getvalue(), "m.pt"))


def test_a_booster_that_stops_early(scanned: Scanner) -> None:
    xgb, np = pytest.importorskip("xgboost"), pytest.importorskip("numpy")
    x, y = np.random.default_rng(0).uniform(0, 1, (40, 2)), np.arange(40) % 2
    model = xgb.XGBClassifier(n_estimators=3, n_jobs=1, callbacks=[xgb.callback.EarlyStopping(2)])
    clean(scanned(pickle.dumps(model.fit(x, y, eval_set=[(x, y)], verbose=False)), "m.pkl"))


@pytest.mark.parametrize(
    "dotted",
    [
        "sklearn.ensemble.forest:RandomForestClassifier",
        "sklearn.svm.classes:LinearSVC",
        "sklearn.tree.tree:DecisionTreeClassifier",
        "sklearn.preprocessing.label:LabelEncoder",
        "sklearn.linear_model.logistic:LogisticRegression",
    ],
)
def test_scikit_learn_before_it_hid_its_modules(dotted: str) -> None:
    module, _, name = dotted.partition(":")
    assert Judge().rule(module, name, "build").verdict is Standing.ALLOWED


def test_the_arguments_of_a_trainer(scanned: Scanner) -> None:
    """training_args.bin, as far as it is special: enumerations by value, and what accelerate knows."""
    kind = b"ctransformers.trainer_utils\nSchedulerType\n"
    state = b"caccelerate.state\nPartialState\n)\x81}(X\x06\0\0\0devicectorch\ndevice\nX\x03\0\0\0cpu\x85Rub"
    clean(scanned(b"\x80\x02(" + kind + b"X\x06\0\0\0linear\x85R" + state + b"t.", "m.pkl"))
    assert scanned(b"\x80\x02" + kind + b"ccollections\nOrderedDict\n)R\x85R.", "m.pkl").verdict is Verdict.BROKEN


@pytest.mark.parametrize(
    "name",
    [("numpy", "memmap"), ("lightgbm.engine", "CVBooster"), ("torch._tensor", "_rebuild_from_type_v2"),
     ("scipy.interpolate._rbf", "Rbf"), ("torch._C", "_VariableFunctionsClass"), ("functools", "reduce"),
     ("sklearn.neighbors.dist_metrics", "PyFuncDistance"), ("torch._C._nn", "_parse_to")],
)  # fmt: skip
@pytest.mark.parametrize("use", ["call", "new", "build", "import"])
def test_what_calls_or_opens_is_in_no_pack(name: tuple[str, str], use: str) -> None:
    assert Judge().rule(*name, use).verdict is not Standing.ALLOWED


def test_partial_is_never_a_value_or_an_instance() -> None:
    assert Judge().narrow("functools", "partial")
    assert Judge().rule("functools", "partial", "new").verdict is Standing.DANGEROUS
