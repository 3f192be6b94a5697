"""Differences: each facet, with sizes that are known beforehand; hostile and equal models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from corpus.safetensors import made, tensor
from hauberk.artifact.diff.compare import diff
from hauberk.core.limits import Limits


def net(folder: Path, weight: Any, *, relu: bool = False, note: str = "a") -> Path:
    onnx = pytest.importorskip("onnx")
    helper, folder = onnx.helper, folder / f"{note}{relu}"
    folder.mkdir()
    nodes = [helper.make_node("Gemm", ["x", "w"], ["z"], name="dense", alpha=0.5)]
    nodes.append(helper.make_node("Relu" if relu else "Identity", ["z"], ["y"], name="last"))
    ends = [helper.make_tensor_value_info(name, 1, [1, 2]) for name in "xy"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [onnx.numpy_helper.from_array(weight, "w")])
    model = helper.make_model(graph)
    helper.set_model_props(model, {"note": note})
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    return folder / "m.onnx"


def test_tensors_layers_and_metadata_with_their_sizes(tmp_path: Path) -> None:
    weight = np.array([[3, 0], [0, 4]], np.float32)
    moved = weight + np.array([[0, 0], [0, 0.5]], np.float32)
    found = diff(net(tmp_path, weight), net(tmp_path, moved, relu=True, note="b"), Limits())
    (changed,) = found.of("tensor")
    assert (changed.name, changed.how) == ("w", "changed")
    assert changed.relative == pytest.approx(0.1)  # 0.5 of a norm of 5
    assert changed.largest == pytest.approx(0.5)
    (layer,) = found.of("layer")
    assert layer.detail == "Identity() z -> y -> Relu() z -> y"
    assert [(m.name, m.detail) for m in found.of("metadata")] == [("note", "a -> b")]
    assert len(found.of("file")) == 1
    assert not found.left


def test_equal_models_do_not_differ(tmp_path: Path) -> None:
    weight = np.eye(2, dtype=np.float32)
    model = net(tmp_path, weight)
    assert diff(model, model, Limits()).changes == ()
    assert diff(model.parent, model.parent, Limits()).changes == ()


def test_folders_by_file_and_text_by_line(tmp_path: Path) -> None:
    for name, code, config, extra in (("old", "a = 1\nb = 2\n", {"x": {"y": [1, 2]}}, "gone.txt"),
                                      ("new", "a = 1\nb = 3\n", {"x": {"y": [1, 5]}}, "came.txt")):  # fmt: skip
        folder = tmp_path / name
        folder.mkdir()
        (folder / "code.py").write_text(code)
        (folder / "config.json").write_text(json.dumps(config))
        (folder / extra).write_text("x")
        shape = [2] if name == "old" else [1, 2]
        (folder / "w.safetensors").write_bytes(made({"w": tensor(0, 8, shape)}, bytes(8)))
    found = diff(tmp_path / "old", tmp_path / "new", Limits())
    assert {(c.how, c.name) for c in found.of("file")} == {
        ("removed", "gone.txt"), ("added", "came.txt"), ("changed", "code.py"), ("changed", "config.json"),
        ("changed", "w.safetensors"),
    }  # fmt: skip
    assert [(m.name, m.detail) for m in found.of("metadata")] == [("config.json:x.y[1]", "2 -> 5")]
    assert [c.detail for c in found.of("code") if c.name == "code.py"] == ["-b = 2\n+b = 3"]
    assert [c.detail for c in found.of("tensor")] == ["F32 2 -> F32 1x2"]


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00\x04\x00{}\n ")
    (tmp_path / "b.npy").write_bytes(b"\x93NUMPY\x01\x00\x04\x00{}\n  ")
    found = diff(tmp_path / "a.npy", tmp_path / "b.npy", Limits())
    assert found.left
    assert len(found.of("file")) == 1
