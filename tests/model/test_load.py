"""What a model file is, by its content, and the one door that opens it."""

from __future__ import annotations

import gzip
import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import joblib
import lightgbm as lgb
import numpy as np
import onnx
import pytest
import torch
import xgboost as xgb
from onnx import parser
from safetensors.torch import save
from sklearn.linear_model import LogisticRegression

from hauberk.core.canon import digest
from hauberk.core.errors import InputError, LimitExceeded, UnsupportedError, VerificationError
from hauberk.core.features import Feature
from hauberk.model.load import open_model
from hauberk.model.sniff import sniff, sniff_content

GRAPH = '<ir_version: 8, opset_import: ["": 17]> f (float[n, 4] x) => (float[n, 4] y) { y = Softmax(x) }'


def dumped(model: object, compress: Any = 0) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(model, buffer, compress=compress)
    return buffer.getvalue()


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return buffer.getvalue()


def saved(thing: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(thing, buffer)
    return buffer.getvalue()


def script() -> bytes:
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(4, 3)), buffer)
    return buffer.getvalue()


def light(blobs: Any) -> bytes:
    params = {"objective": "multiclass", "num_class": 3, "verbose": -1, "num_threads": 1}
    text: str = lgb.train(params, lgb.Dataset(*blobs), 2).model_to_string()
    return text.encode()


def boosted(blobs: Any, raw: str) -> bytes:
    params = {"objective": "multi:softprob", "num_class": 3, "nthread": 1}
    return bytes(xgb.train(params, xgb.DMatrix(*blobs), 2).save_raw(raw))


def test_kinds_are_seen_in_the_content(blobs: Any, tmp_path: Path) -> None:
    model = LogisticRegression().fit(*blobs)
    kinds = {
        "joblib": [dumped(model), dumped(model, 3), dumped(model, ("gzip", 3)), dumped(model, ("bz2", 3)),
                   dumped(model, ("xz", 3)), dumped(model, ("lzma", 3)), pickle.dumps(model),
                   pickle.dumps(model, protocol=0), pickle.dumps(model, protocol=2), gzip.compress(dumped(model))],
        "onnx": [parser.parse_model(GRAPH).SerializeToString()],
        "xgboost": [boosted(blobs, "json"), boosted(blobs, "ubj")],
        "lightgbm": [light(blobs)],
        "torchscript": [script()],
        "torch-pickle": [saved({"w": torch.zeros(2)})],
        "safetensors": [save({"w": torch.zeros(2)})],
        "keras": [zipped("config.json", "metadata.json", "model.weights.h5")],
        "skops": [zipped("schema.json", "1.npy")],
        "pt2": [zipped("m/archive_format", "m/models/model.json")],
        "hdf5": [b"\x89HDF\r\n\x1a\n"],
        "gguf": [b"GGUF\x03\x00\x00\x00"],
        "unknown": [zipped("word/document.xml"), b"hello", b"\x00" * 64, b'{"a": 1}', b"\xff\xd8\xff", b"MZ\x90\x00"],
    }  # fmt: skip
    for kind, contents in kinds.items():
        for content in contents:
            (tmp_path / "m").write_bytes(content)
            assert (sniff_content(content), sniff(tmp_path / "m")) == (kind, kind)


def test_sources_that_are_no_file(tmp_path: Path) -> None:
    assert sniff("http://127.0.0.1:1/v2/models/m") == "http"
    assert sniff("package.module:Class") == "torch"
    with pytest.raises(InputError, match="no such file"):
        sniff(tmp_path / "nothing.onnx")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(InputError, match="is empty"):
        sniff(tmp_path / "empty")
    assert sniff(tmp_path) == "unknown"
    (tmp_path / "m.onnx").write_bytes(b"PK\x03\x04nothing")
    with pytest.raises(InputError, match="damaged zip"):
        sniff(tmp_path / "m.onnx")
    assert sniff(tmp_path) == "onnx"
    with pytest.raises(InputError, match="damaged zip"):
        sniff_content(b"PK\x03\x04nothing")


def test_the_name_does_not_decide(blobs: Any, tmp_path: Path, sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(dumped(LogisticRegression().fit(*blobs)))
    model = open_model(path, sandbox=sandbox, expected_digest=digest(path.read_bytes()), shape=(4,))
    assert len(sandbox.started) == 1
    assert (model.shape, model.n_classes, model.name) == ((4,), 3, "model.onnx")
    with pytest.raises(InputError, match=r"takes examples of shape \(4,\), the data has \(5,\)"):
        open_model(path, sandbox=sandbox, shape=(5,))
    with pytest.raises(VerificationError, match="expected sha256:"):
        open_model(path, sandbox=sandbox, expected_digest=digest(b"scanned"))
    assert len(sandbox.started) == 2
    monkeypatch.setattr("hauberk.model.load.MAX_BYTES", 10)
    with pytest.raises(LimitExceeded, match="the limit is 10"):
        open_model(path, sandbox=sandbox)


def test_native_trees_are_opened_in_the_sandbox(blobs: Any, tmp_path: Path, sandbox: Any) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(boosted(blobs, "json"))
    schema = tuple(Feature(n, "numeric", -9, 9) for n in "abcd")
    model = open_model(path, sandbox=sandbox, features=schema, max_queries=500)
    assert model.predict(blobs[0]).argmax(1).tolist() == pytest.approx(blobs[1].tolist(), abs=2)
    assert model.queries == 300
    assert len(sandbox.started) == 1


def test_onnx_and_torchscript_are_opened_here(tmp_path: Path, sandbox: Any) -> None:
    path = tmp_path / "m.bin"
    onnx.save(parser.parse_model(GRAPH), path)
    assert open_model(path, sandbox=sandbox).predict(np.eye(4, dtype=np.float32)).shape == (4, 4)
    path.write_bytes(script())
    assert open_model(path, sandbox=sandbox, shape=(4,)).n_classes == 3
    with pytest.raises(InputError, match="does not say its input shape"):
        open_model(path, sandbox=sandbox)
    assert sandbox.started == []


@pytest.mark.parametrize(
    ("content", "hint"),
    [(saved({"w": torch.zeros(2)}), "torch.export"), (save({"w": torch.zeros(2)}), "package.module:Class"),
     (zipped("config.json", "metadata.json"), "ONNX"), (b"hello world", "known: ONNX")],
)  # fmt: skip
def test_what_cannot_be_opened_says_what_to_give(content: bytes, hint: str, tmp_path: Path, sandbox: Any) -> None:
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(UnsupportedError) as caught:
        open_model(tmp_path / "m", sandbox=sandbox)
    assert hint in caught.value.hint
    with pytest.raises(InputError):
        open_model(tmp_path / "nothing", kind="onnx", sandbox=sandbox)
