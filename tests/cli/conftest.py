"""A small honest model and its data, and the command line in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hauberk.cli.main import main


@dataclass
class Result:
    code: int
    out: str
    err: str


Cli = Callable[..., Result]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """`cli("audit", …)` in an empty folder of its own, with keys and store of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    for name in ("HAUBERK_KEY", "HAUBERK_STORE", "HAUBERK_KEY_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: object) -> Result:
        try:
            code = main([str(a) for a in arguments])
        except SystemExit as stop:  # argparse: usage
            code = int(stop.code or 0)
        told = capsys.readouterr()
        return Result(code, told.out, told.err)

    return run


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """linear.onnx (4 features, 3 classes), test.npz that it gets right, forest.joblib and train/test parquet."""
    import joblib
    import polars as pl
    from onnx import parser
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    folder = tmp_path_factory.mktemp("shelf")
    data: Any = load_iris()
    x, y = data.data.astype(np.float32), data.target
    x = (x - x.min(0)) / (x.max(0) - x.min(0))
    fitted = LogisticRegression(C=10.0, max_iter=1000).fit(x, y)
    weights = ", ".join(f"{w:.6f}" for w in fitted.coef_.T.ravel())
    biases = ", ".join(f"{b:.6f}" for b in fitted.intercept_)
    text = f"""<ir_version: 8, opset_import: ["": 17]>
    linear (float[n, 4] x) => (float[n, 3] y)
    <float[4, 3] w = {{{weights}}}, float[3] b = {{{biases}}}>
    {{ z = Gemm(x, w, b)  y = Softmax(z) }}"""
    (folder / "linear.onnx").write_bytes(parser.parse_model(text).SerializeToString())
    np.savez(folder / "test.npz", x=x, y=y)
    order = np.random.default_rng(0).permutation(len(x))
    frame = pl.DataFrame(x.astype(float), schema=["a", "b", "c", "d"]).with_columns(pl.Series("y", y))
    frame[order[:75]].write_parquet(folder / "train.parquet")
    frame[order[75:]].write_parquet(folder / "test.parquet")
    names = ["a", "b", "c", "d"]
    plain = LogisticRegression(max_iter=1000).fit(frame[order[:75]].select(names).to_numpy(), y[order[:75]])
    joblib.dump(plain, folder / "plain.joblib")
    return folder
