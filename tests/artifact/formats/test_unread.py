"""Which rule tells of a file where numbers should be, and of bytes that a model claims without reading them."""

from __future__ import annotations

from pathlib import Path

import pytest

from corpus import samples
from hauberk.artifact.formats import beside, raw_numbers
from hauberk.artifact.scan import scan
from hauberk.artifact.walk import Walk
from hauberk.core.limits import Limits

SAMPLES = {
    s.name.partition("/")[2]: s for s in samples() if s.name.startswith(("unread/", "leftover/")) and s.dangerous
}
RULES = {
    "artifact.onnx.unread": "onnx_nothing onnx_no_length onnx_gap zip_onnx_unread",
    "artifact.onnx.external": "zip_onnx_missing",
    "artifact.onnx.escape": "zip_onnx_outside",
    "artifact.onnx.field": "onnx_wide_type",
    "artifact.executable": "onnx_program onnx_program_beside openvino_program tensorflow_program tflite_program "
    "tflite_program_unused gguf_program coreml_program paddle_program npy_program msgpack_program msgpack_text "
    "r_program r_text xgboost_attribute tensorflow_checkpoint_program",
    "artifact.payload.file": "onnx_archive",
    "artifact.openvino.unread": "openvino_unread",
    "artifact.openvino.size": "openvino_beyond",
    "artifact.tensorflow.path": "tensorflow_wide_type tensorflow_many_paths",
    "artifact.tflite.unread": "tflite_unused",
    "artifact.template.escape": "gguf_templates",
    "artifact.paddle.broken": "paddle_hidden",
    "artifact.xgboost.unknown": "xgboost_unknown xgboost_unknown_in_tree xgboost_settings",
    "artifact.executable.encoded": "lightgbm_categories",
    "artifact.coreml.escape": "coreml_manifest_outside",
    "artifact.coreml.manifest": "coreml_manifest_root",
    "artifact.keras.file": "keras_vocabulary",
    "artifact.safetensors.padding": "safetensors_blank",
    "artifact.npy.broken": "npy_comment",
    "artifact.hdf5.hidden": "hdf5_gap hdf5_nothing hdf5_comment hdf5_attribute",
    "artifact.hdf5.broken": "hdf5_fill hdf5_chunk hdf5_chunk_little",
}


def test_every_sample_has_a_rule() -> None:
    assert {name for names in RULES.values() for name in names.split()} == set(SAMPLES)


@pytest.mark.parametrize(("rule", "name"), [(rule, name) for rule, names in RULES.items() for name in names.split()])
def test_it_is_told_by_its_rule(tmp_path: Path, rule: str, name: str) -> None:
    seen = scan(SAMPLES[name].write(tmp_path))
    assert rule in {f.rule for f in seen.findings}, seen.findings


def test_numbers_that_only_look_alike_are_no_files() -> None:
    walk = Walk(Limits(), lambda *_: None)
    for head in (b"PK\3\4\x11\x22" + bytes(58), b"\x1f\x8b\x08" + b"\x77" * 61, b"MZ" + bytes(62), b"\x80\4" * 32):
        raw_numbers.look(walk, memoryview(head), "m", "w")
    assert not walk.flaws


def test_every_byte_beside_a_model_belongs_to_a_span_or_aligns_one() -> None:
    data = memoryview(b"ab" + bytes(30) + b"cd")
    assert list(beside.unread(data, [(0, 2), (32, 34)])) == []
    assert list(beside.unread(data, [(0, 2)])) == [(2, 34)]
    assert list(beside.unread(memoryview(bytes(beside.MAX_GAP + 1)), [])) == [(0, beside.MAX_GAP + 1)]
    assert beside.overlap([(0, 4), (2, 6)])
    assert not beside.overlap([(0, 4), (0, 4), (4, 6)])
