"""artifact.weights: what it finds in planted weights, what it leaves alone, and what it does not claim."""

from __future__ import annotations

import gzip
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hauberk.artifact.manifest import subject
from hauberk.artifact.weights_bits import BLOCK, examine
from hauberk.artifact.weights_check import WEIGHTS
from hauberk.artifact.weights_facts import facts
from hauberk.artifact.weights_marks import known
from hauberk.artifact.weights_power import Reservoir, planted, power
from hauberk.artifact.weights_read import Named, numbers
from hauberk.core.errors import InputError
from hauberk.core.limits import Limits
from hauberk.core.nouns import Evidence, Severity, Verdict
from hauberk.core.ports import Inputs
from hauberk.testing import check_check

SOURCE = Path(__file__).read_bytes()


def trained(n: int = 1 << 16, kind: str = "f4") -> Any:
    """Weights as training leaves them: noise of full precision."""
    return (np.random.default_rng(7).normal(size=n) * 0.05).astype("<" + kind).view("<u" + kind[1])


def seen(path: Path, **options: Any) -> Evidence:
    return WEIGHTS.run(Inputs(path, subjects={"model": subject(path)}, options=options), Limits(), 3)


def value(evidence: Evidence, name: str) -> float:
    found = evidence.measured(f"weights.{name}")
    assert found is not None, name
    return found.value


def safetensors(path: Path, **tensors: Any) -> Path:
    from safetensors.numpy import save_file

    save_file(tensors, str(path))
    return path


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("low_first", [False, True], ids=["high bit first", "low bit first"])
def test_source_text_is_found_at_every_depth_and_order(depth: int, low_first: bool) -> None:
    words = planted(trained(), SOURCE, depth, 20_000, low_first=low_first)
    assert examine(words, 23).suspicion is not None


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_program_is_found_behind_the_head_too(depth: int) -> None:
    code = Path(sys.executable).resolve().read_bytes()[4096 : 4096 + 40_000]
    found = examine(planted(trained(1 << 17), code, depth, 70_000), 23).suspicion
    assert found is not None
    assert found.mark in ("order", "depth")
    assert found.at >= 65_536


@pytest.mark.parametrize("depth", [1, 2, 4, 7])
def test_half_precision_hides_no_text_either(depth: int) -> None:
    assert examine(planted(trained(kind="f2"), SOURCE, depth, 0), 10).suspicion is not None


def test_a_compressed_payload_is_known_by_its_beginning() -> None:
    found = examine(planted(trained(), gzip.compress(SOURCE), 1, 0), 23).suspicion
    assert found is not None
    assert (found.mark, found.depth) == ("beginning", 1)


@pytest.mark.parametrize("depth", [1, 8])
def test_what_is_random_is_not_claimed(depth: int) -> None:
    noise = np.random.default_rng(1).bytes(50_000)
    assert examine(planted(trained(), noise, depth, 0), 23).suspicion is None
    assert examine(planted(trained(), gzip.compress(SOURCE)[100:], depth, 0), 23).suspicion is None


def honest() -> dict[str, Any]:
    rng = np.random.default_rng(3)
    grid = (rng.integers(0, 1 << 24, 1 << 15) / (1 << 24) * 0.0626 - 0.0313).astype("<f4")
    return {
        "normal": rng.normal(size=1 << 15).astype("<f4"),
        "fresh uniform, on the grid of a generator": grid,
        "rounded to bfloat16": (trained() & 0xFFFF0000).view("<f4"),
        "rounded to half": trained(kind="f2").view("<f2").astype("<f4"),
        "a table of sines": np.sin(np.arange(1 << 15) * 0.01).astype("<f4"),
        "a ramp": (np.arange(1 << 15) * 0.1).astype("<f4"),
        "whole numbers": np.arange(1 << 23, (1 << 23) + (1 << 15)).astype("<f4"),
        "dequantised": (rng.integers(-127, 128, 1 << 15) * np.float32(0.0123)).astype("<f4"),
        "pruned": (rng.normal(size=1 << 15) * (rng.random(1 << 15) < 0.2)).astype("<f4"),
        "near one": (1 + rng.normal(size=1 << 15) * 1e-4).astype("<f4"),
        "constant": np.full(1 << 15, 0.7, "<f4"),
        "rounded decimals": np.round(rng.normal(size=1 << 15), 2).astype("<f4"),
    }


@pytest.mark.parametrize("name", honest())
def test_honest_numbers_are_left_alone(name: str) -> None:
    assert examine(honest()[name].view("<u4"), 23).suspicion is None


def test_a_run_of_full_precision_in_rounded_weights_is_a_seam() -> None:
    words = trained() & ~np.uint32(0x1FFF)
    noise = np.random.default_rng(2).integers(0, 1 << 13, 8192, dtype=np.uint32)
    words[:8192] |= noise
    found = examine(words, 23).suspicion
    assert found is not None
    assert (found.mark, found.at) == ("seam", 0)


def test_small_tensors_are_not_examined() -> None:
    assert examine(trained(500), 23).all_blocks == 0
    assert examine(trained(1024), 23).blocks == 1
    assert examine(trained(BLOCK + 1), 23).blocks == 2


@pytest.mark.parametrize(
    ("stream", "what"),
    [
        (b"\0\x7fELF\x02\x01\x01\0", "an ELF program"),
        (b"PK\x03\x04\x14\0\0\0\x08\0", "a zip archive, a pickle or a script"),
        (b"\x80\x04\x95" + struct.pack("<Q", 500), "a zip archive, a pickle or a script"),
        (b"ab" + gzip.compress(SOURCE), "a compressed stream"),
        (b"\x78\x9c" + bytes(range(256)), ""),
        (b"PK\x03\x04" + b"\xff" * 20, ""),
        (b"for row in rows: total += row['price'] * 12  # all\n", "text"),
        (b"abcdefghijklmnopqrstuvwxyz" * 3, ""),
        (bytes(range(32, 127)) * 2, ""),
        (b"A" * 100, ""),
    ],
)
def test_a_beginning_needs_more_than_a_mark(stream: bytes, what: str) -> None:
    assert known(stream) == what


def test_facts_count_what_is_not_finite() -> None:
    numbers_ = np.array([1, np.nan, -np.inf, np.inf, np.nan] + [2] * 100)
    for dtype, form in (("F32", "<f4"), ("F16", "<f2"), ("F64", "<f8")):
        raw = memoryview(numbers_.astype(form).tobytes())
        found = facts(Named("", "npy", "a", dtype, (105,), raw))
        assert (found.items, found.nan, found.infinite, found.constant) == (105, 2, 2, False)


def test_nan_breaks_the_weights_of_a_network(tmp_path: Path) -> None:
    weights = trained(4096).view("<f4").copy()
    weights[17] = np.nan
    evidence = seen(safetensors(tmp_path / "m.safetensors", a=weights))
    assert [(f.rule, f.severity) for f in evidence.findings] == [("artifact.weights.nan", Severity.MEDIUM)]
    assert value(evidence, "nan") == 1


def test_a_mask_of_infinities_holds(tmp_path: Path) -> None:
    mask = np.triu(np.full((64, 64), -np.inf, "<f4"), 1)
    evidence = seen(safetensors(tmp_path / "m.safetensors", mask=mask))
    assert evidence.verdict is Verdict.HELD
    assert value(evidence, "infinite") == 64 * 63 / 2


def test_hidden_text_breaks_and_constant_or_equal_tensors_are_told(tmp_path: Path) -> None:
    weights, other = trained(), trained(4096).view("<f4")
    path = safetensors(
        tmp_path / "m.safetensors", w=planted(weights, SOURCE, 2, 9000).view("<f4"), a=other, b=other.copy(),
        zero=np.zeros((64, 64), "<f4"),
    )  # fmt: skip
    evidence = seen(path)
    rules = {f.rule: f.severity for f in evidence.findings}
    assert rules == {
        "artifact.weights.hidden": Severity.HIGH, "artifact.weights.constant": Severity.INFO,
        "artifact.weights.twice": Severity.INFO,
    }  # fmt: skip
    assert (value(evidence, "hidden"), value(evidence, "twice"), value(evidence, "constant")) == (1, 1, 1)
    assert evidence.verdict is Verdict.BROKEN


def test_the_check_passes_its_exam_and_measures_its_power(tmp_path: Path) -> None:
    path = safetensors(tmp_path / "m.safetensors", w=trained(1 << 18).view("<f4"), h=trained(kind="f2").view("<f2"))
    inputs = Inputs(path, subjects={"model": subject(path)}, options={"planted": 8})
    evidence = check_check(WEIGHTS, inputs, seed=3)
    found, control = evidence.measured("weights.power"), evidence.measured("weights.control")
    assert found is not None
    assert control is not None
    assert found.n == control.n == 2  # one window of each tensor that is large enough
    assert found.value > control.value == 0


def test_power_is_the_share_of_planted_payloads_that_is_found() -> None:
    reservoir = Reservoir(16, 5)
    for i in range(40):
        reservoir.offer(np.roll(trained(), i * 999), 23)
    tried = power(reservoir)
    assert tried.trials == 16
    assert tried.found >= 12
    assert tried.alarms == 0
    assert power(reservoir) == tried


def test_unused_initialisers_of_onnx_are_told(tmp_path: Path) -> None:
    from onnx import TensorProto, helper, numpy_helper, save_model

    spare = numpy_helper.from_array(trained(1 << 15).view("<f4"), "spare")
    used = numpy_helper.from_array(np.ones(3, np.float32), "used")
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [3]) for n in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["x", "used"], ["y"])], "g", ends[:1], ends[1:], [used, spare])
    save_model(helper.make_model(graph), str(tmp_path / "m.onnx"))
    evidence = seen(tmp_path / "m.onnx")
    assert [(f.rule, f.severity) for f in evidence.findings] == [("artifact.weights.unused", Severity.LOW)]
    assert value(evidence, "unused") == 1
    assert value(evidence, "tensors") == 2


def test_tensors_inside_nodes_and_branches_are_read(tmp_path: Path) -> None:
    from onnx import TensorProto, helper, numpy_helper, save_model

    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [2]) for n in ("a", "b", "y")]
    constant = helper.make_node("Constant", [], ["a"], value=numpy_helper.from_array(np.ones(2, np.float32)))
    one = helper.make_graph([constant], "one", [], ends[:1])
    two = helper.make_graph([], "two", [], ends[1:2], [numpy_helper.from_array(np.zeros(2, np.float32), "b")])
    choice = helper.make_tensor_value_info("c", TensorProto.BOOL, [])
    node = helper.make_node("If", ["c"], ["y"], then_branch=one, else_branch=two)
    save_model(helper.make_model(helper.make_graph([node], "g", [choice], ends[2:])), str(tmp_path / "m.onnx"))
    names = {t.name for t in numbers(tmp_path / "m.onnx", Limits()) if isinstance(t, Named)}
    assert names == {"a.value", "b"}


def test_gguf_floats_are_read(tmp_path: Path) -> None:
    rows = struct.pack("<Q", 1) + b"w" + struct.pack("<IQIQ", 1, 8, 0, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + rows
    data = head + b"\0" * (-len(head) % 32) + np.arange(8, dtype="<f4").tobytes()
    (tmp_path / "m.gguf").write_bytes(data)
    (tensor,) = numbers(tmp_path / "m.gguf", Limits())
    assert isinstance(tensor, Named)
    assert np.array_equal(np.frombuffer(tensor.data, "<f4"), np.arange(8))


def test_a_format_without_a_reader_is_told(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(100))
    evidence = seen(tmp_path / "m.tflite")
    assert [f.rule for f in evidence.findings] == ["artifact.weights.unread"]
    assert value(evidence, "tensors") == 0


@pytest.mark.parametrize("planted_", [-1, True, "many"])
def test_a_bad_option_is_refused(tmp_path: Path, planted_: Any) -> None:
    path = safetensors(tmp_path / "m.safetensors", a=np.ones(3, "<f4"))
    with pytest.raises(InputError, match="planted"):
        seen(path, planted=planted_)
