"""Loading for an audit: what is read file by file is still what was scanned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hauberk.artifact.manifest import subject
from hauberk.audit.config import AuditConfig
from hauberk.audit.load import load
from hauberk.core.errors import VerificationError

onnx = pytest.importorskip("onnx")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An ONNX classifier whose weights lie beside it."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    def tensor(name: str, sides: list[Any]) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, sides)

    weights = numpy_helper.from_array(np.ones((4, 3), np.float32), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["s"]), helper.make_node("Softmax", ["s"], ["y"], axis=1)]
    graph = helper.make_graph(nodes, "g", [tensor("x", ["n", 4])], [tensor("y", ["n", 3])], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    place = tmp_path / "net"
    place.mkdir()
    onnx.save(model, place / "net.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    return place


def test_a_folder_that_is_what_was_scanned(folder: Path) -> None:
    loaded = load(AuditConfig(model=str(folder), shape=(4,)), {"model": subject(folder)})
    assert loaded.model.n_classes == 3


def test_weights_that_were_exchanged_after_the_scan(folder: Path) -> None:
    """The graph is the same, its weights in the other file are not."""
    scanned = subject(folder)
    weights = bytearray((folder / "w.bin").read_bytes())
    weights[3] ^= 0x80
    (folder / "w.bin").write_bytes(weights)
    with pytest.raises(VerificationError, match="expected " + scanned.digest):
        load(AuditConfig(model=str(folder), shape=(4,)), {"model": scanned})
