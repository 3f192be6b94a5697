"""Folders in which one file speaks for another: what a model claims as its weights must not hide what was not read."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping

from corpus import bad, honest

ENOUGH = 200
"""As many gaps as a report lists."""


def noise(number: int) -> bytes:
    """Sixteen bytes of no format."""
    return bytes((0x99, number % 251, 0xFE, 3, 1, 2, 7, 8, 9, 200, 201, 13, 77, 1, number // 251, 250))


def claiming(names: list[str]) -> dict[str, bytes]:
    """A TensorFlow.js model that claims these files of sixteen bytes each."""
    weights = [{"name": "w", "shape": [16 * len(names)], "dtype": "uint8"}]
    model = {"modelTopology": {}, "weightsManifest": [{"paths": names, "weights": weights}]}
    return {"model.json": json.dumps(model).encode()}


def shards(count: int) -> dict[str, bytes]:
    names = [f"group{number:03}.bin" for number in range(count)]
    return claiming(names) | {name: noise(number) for number, name in enumerate(names)}


@bad("folder", "so many claimed weights that an archive which was not read is not listed")
def crowded_out() -> Mapping[str, bytes]:
    return shards(ENOUGH) | {"zz.rar": b"Rar!\x1a\x07\x01\0" + bytes(100)}


@bad("folder", "so many claimed weights that a file of no format is not listed")
def stranger_in_a_crowd() -> Mapping[str, bytes]:
    return shards(ENOUGH) | {"zz.bin": noise(9999)}


@bad("folder", "a file whose name is that of a member of an archive beside it, claimed for both")
def one_path_for_two() -> Mapping[str, bytes]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("b.bin", noise(1))
    return claiming(["a.zip!b.bin"]) | {"a.zip": buffer.getvalue(), "a.zip!b.bin": noise(2)}


@honest("folder", "more files of weights than a report lists gaps")
def many_shards() -> Mapping[str, bytes]:
    return shards(ENOUGH + 100)
