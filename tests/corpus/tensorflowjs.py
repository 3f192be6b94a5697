"""TensorFlow.js: a manifest of raw weights beside a model, honest and lying."""

from __future__ import annotations

import json
from collections.abc import Mapping

from corpus import bad, honest

TOPOLOGY = {"node": [{"name": "w", "op": "Const"}, {"name": "y", "op": "Relu", "input": ["w"]}]}
RAW = bytes((7 * n + 3) % 251 for n in range(48))


def folder(paths: list[str], shape: list[int], raw: bytes = RAW) -> Mapping[str, bytes]:
    weights = [{"name": "w", "shape": shape, "dtype": "float32"}]
    groups = [{"paths": paths, "weights": weights}]
    model = {"format": "graph-model", "modelTopology": TOPOLOGY, "weightsManifest": groups}
    return {"model.json": json.dumps(model).encode(), "group1-shard1of1.bin": raw}


@honest("TensorFlow.js", "a graph model and its one shard, as tensorflowjs_converter writes them")
def model_and_shard() -> Mapping[str, bytes]:
    return folder(["group1-shard1of1.bin"], [3, 4])


@honest("TensorFlow.js", "a quantised manifest alone, as face-api.js keeps it")
def manifest_alone() -> Mapping[str, bytes]:
    about = {"name": "w", "shape": [48], "dtype": "float32", "quantization": {"dtype": "uint8", "scale": 1, "min": 0}}
    return {"m.json": json.dumps([{"weights": [about], "paths": ["w.bin"]}]).encode(), "w.bin": RAW}


@bad("TensorFlow.js", "a shard with more bytes than the weights need: nothing says what they are")
def more_than_the_weights() -> Mapping[str, bytes]:
    return folder(["group1-shard1of1.bin"], [3, 3])


@bad("TensorFlow.js", "weights from outside the model's folder")
def weights_elsewhere() -> Mapping[str, bytes]:
    return folder(["../../secret.bin"], [3, 4])


@bad("TensorFlow.js", "a shard that is no numbers but a program")
def shard_is_a_program() -> Mapping[str, bytes]:
    program = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\x3e\x00\x01\x00\x00\x00" + bytes(24)
    return folder(["group1-shard1of1.bin"], [len(program) // 4], program)
