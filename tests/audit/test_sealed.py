"""Sealed models in memory: what is loaded is what was sealed, was scanned, and never lay on the disk."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hauberk.audit.sealed import open_sealed_onnx, open_sealed_weights
from hauberk.core.errors import UnsupportedError, VerificationError
from hauberk.crypto import sealkeys
from hauberk.crypto.seal import seal
from hauberk.crypto.sealkeys import OpeningKey

onnx = pytest.importorskip("onnx")
safetensors = pytest.importorskip("safetensors.numpy")


@pytest.fixture(scope="module")
def key() -> OpeningKey:
    return sealkeys.generate()


def sealed(folder: Path, key: OpeningKey, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    seal(folder / name, folder / f"{name}.sealed", [key.public])
    (folder / name).unlink()
    return folder / f"{name}.sealed"


def classifier(domain: str = "") -> bytes:
    text = '<ir_version: 8, opset_import: ["": 17]> f (float[n, 3] x) => (float[n, 3] y) { y = Softmax(x) }'
    model = onnx.parser.parse_model(text)
    if domain:
        model.graph.node[0].domain = domain
        model.opset_import.append(onnx.helper.make_opsetid(domain, 1))
    content: bytes = model.SerializeToString()
    return content


def test_a_model_answers_from_memory(tmp_path: Path, key: OpeningKey) -> None:
    path = sealed(tmp_path, key, "m.onnx", classifier())
    model = open_sealed_onnx(path, [key], bounds=(0.0, 1.0))
    assert model.predict(np.eye(3, dtype="f4")).argmax(1).tolist() == [0, 1, 2]
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx.sealed"]


def test_weights_are_views_of_memory(tmp_path: Path, key: OpeningKey) -> None:
    arrays = {"a": np.arange(6, dtype="f4").reshape(2, 3), "b": np.array([True]), "c": np.zeros((0, 2), "i8")}
    found = open_sealed_weights(sealed(tmp_path, key, "w.safetensors", safetensors.save(arrays)), [key])
    assert {name: value.tolist() for name, value in found.items()} == {k: v.tolist() for k, v in arrays.items()}
    assert not found["a"].flags.writeable
    assert not found["a"].flags.owndata


def test_what_the_scan_does_not_hold_is_not_loaded(tmp_path: Path, key: OpeningKey) -> None:
    with pytest.raises(VerificationError) as caught:
        open_sealed_onnx(sealed(tmp_path, key, "evil.onnx", classifier("evil")), [key])
    assert caught.value.reason == "findings"
    with pytest.raises(UnsupportedError, match="expected onnx"):
        open_sealed_onnx(sealed(tmp_path, key, "w.onnx", safetensors.save({"a": np.zeros(1)})), [key])


NO_DISK = """
import json, os, sys
written = []
def hook(event, arguments):
    if event == "open" and arguments[2] and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
        written.append(str(arguments[0]))
    elif event.startswith(("tempfile.", "os.rename", "os.link", "os.truncate", "shutil.")):
        written.append(event)
sys.addaudithook(hook)
os.chdir("/")
from pathlib import Path
from hauberk.audit.sealed import open_sealed_onnx
from hauberk.crypto.sealkeys import OpeningKey
sys.dont_write_bytecode = True
model = open_sealed_onnx(Path(sys.argv[1]), [OpeningKey.load(sys.argv[2])], bounds=(0.0, 1.0))
maps = open("/proc/self/maps").read()
sys.stdout.write(json.dumps([model.n_classes, written, [w for w in ("memfd:", "m.onnx", "/dev/shm") if w in maps]]))
"""


def test_no_plaintext_touches_the_disk(tmp_path: Path, key: OpeningKey) -> None:
    """No file is opened for writing, none is mapped; and the folder is as it was."""
    path = sealed(tmp_path, key, "m.onnx", classifier())
    key.save(tmp_path / "key")
    done = subprocess.run(
        [sys.executable, "-B", "-c", NO_DISK, path, tmp_path / "key"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout) == [3, [], []]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["key", "m.onnx.sealed"]
