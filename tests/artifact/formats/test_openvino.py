"""OpenVINO: operators against the pack, constants against their shapes, and the weights beside a graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from corpus import xml as samples
from hauberk.artifact.scan import Scanned, scan
from hauberk.core.nouns import Verdict

Scanner = Callable[..., Scanned]

RULES = {
    "extension_layer": "artifact.openvino.domain",
    "unknown_layer": "artifact.openvino.domain",
    "no_version": "artifact.openvino.domain",
    "in_a_body": "artifact.openvino.domain",
    "constant_lies": "artifact.xml.broken",
    "constant_before": "artifact.xml.broken",
    "constant_nowhere": "artifact.xml.broken",
    "weights_elsewhere": "artifact.openvino.external",
    "plugins": "artifact.openvino.library",
    "kernels": "artifact.openvino.library",
}


def rules(seen: Scanned) -> set[str]:
    return {finding.rule for finding in seen.findings}


@pytest.mark.parametrize(("name", "rule"), RULES.items())
def test_each_sample_is_told_by_its_rule(scanned: Scanner, name: str, rule: str) -> None:
    assert rule in rules(scanned(samples.OPENVINO_BAD[name][1]))


def test_weights_beside_the_graph_are_claimed(tmp_path: Path) -> None:
    for name, data in samples.graph().items():
        (tmp_path / name).write_bytes(data)
    seen = scan(tmp_path)
    assert seen.verdict is Verdict.HELD
    assert seen.formats == {"m.xml": "openvino", "m.bin": "raw weights"}


def test_a_pickle_in_place_of_the_weights_is_still_read(tmp_path: Path) -> None:
    (tmp_path / "m.xml").write_bytes(samples.graph()["m.xml"])
    (tmp_path / "m.bin").write_bytes(b"\x80\x02cos\nsystem\nX\x02\0\0\0id\x85R.")
    assert "artifact.pickle.call" in rules(scan(tmp_path))


@pytest.mark.parametrize(
    ("kind", "shape", "size", "good"),
    [
        ("u4", "3", 2, True),
        ("i64", "", 8, True),
        ("nf4", "5, 5", 13, True),
        ("string", "9", 100, True),
        ("f32", "0", 0, True),
        ("f32", "2,2", 16, True),
        ("f16", "2", 5, False),
        ("f128", "1", 16, False),
        ("f32", "x", 4, False),
    ],
)
def test_constants_are_held_against_their_shapes(tmp_path: Path, kind: str, shape: str, size: int, good: bool) -> None:
    inner = f'<data element_type="{kind}" shape="{shape}" offset="0" size="{size}"/>'
    (tmp_path / "m.xml").write_bytes(samples.net(samples.layer("Const", inner=inner)))
    (tmp_path / "m.bin").write_bytes((b"\1\2\3\4" * 50)[:size])
    assert (scan(tmp_path / ".").verdict is Verdict.BROKEN) is not good


def test_a_graph_that_openvino_saves_is_clean(tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino")
    from openvino import opset13 as ops

    first = ops.parameter([1, 4], openvino.Type.f32, name="x")
    weights = ops.constant([[0.5] * 4] * 3, openvino.Type.f32)
    last = ops.softmax(ops.relu(ops.matmul(first, weights, False, True)), 1)
    openvino.save_model(openvino.Model([last], [first], "m"), tmp_path / "m.xml")
    assert scan(tmp_path).verdict is Verdict.HELD
