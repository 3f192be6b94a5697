"""Configuration: what a file says, what flags lay over it, and what neither may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from hauberk.audit.config import AuditConfig, load, merge
from hauberk.core.errors import InputError

TOML = """
[audit]
model = "net.onnx"
data = "/data/test.npz"
bounds = [0, 1]
only = ["model.quality"]

[features.age]
immutable = true
low = 18

[checks."attack.evasion"]
eps = 0.1
"""


def test_a_file_is_read_relative_to_itself(tmp_path: Path) -> None:
    path = tmp_path / "hauberk.toml"
    path.write_text(TOML)
    config = load(path)
    assert config.model == str(tmp_path / "net.onnx")
    assert config.data == "/data/test.npz"
    assert config.bounds == (0.0, 1.0)
    assert config.features["age"]["low"] == 18
    assert config.checks["attack.evasion"]["eps"] == 0.1


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "hauberk.toml"
    path.write_text(TOML)
    merged = merge(load(path), {"seed": 7, "data": None, "only": ("attack.noise",)})
    assert (merged.seed, merged.data, merged.only) == (7, "/data/test.npz", ("attack.noise",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[audit]\nmodel = 3", "hauberk.toml.model: expected str, got int"),
        ("[audit]\nmodle = 'x'", "unknown field 'modle'"),
        ("[audit]\ndata = 'x'", "field 'model' is missing"),
        ("[audits]\nmodel = 'x'", r"unknown table \[audits\]"),
        ("[audit", "not valid TOML"),
        ("[audit]\nmodel='x'\nbounds=[0]", "expected 2 items, got 1"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "hauberk.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        load(path)


def test_a_missing_file_and_a_missing_model_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        load(tmp_path / "none.toml")
    with pytest.raises(InputError, match="no model is named") as error:
        merge(None, {"data": "x.npz"})
    assert error.value.hint


def test_urls_and_functions_are_no_paths() -> None:
    assert AuditConfig("http://127.0.0.1:1/v2/models/m").artifact is None
    assert AuditConfig("python:shop.model:predict").artifact is None
    assert AuditConfig("net.onnx").artifact == Path("net.onnx")
