"""PaddlePaddle: operators that call Python, read and write files, in programs of both forms; parameters that lie."""

from __future__ import annotations

import json
import pickle
import struct
from typing import Any

from corpus import bad, honest
from corpus.onnx import Exploit
from corpus.wire import field, fields

FILE, JSON, PARAMETERS = "model.pdmodel", "model.json", "model.pdiparams"
FLOAT = 5


def operator(kind: str, more: bytes = b"") -> bytes:
    ends = field(1, fields((1, "X"), (2, "x"))) + field(2, fields((1, "Out"), (2, "y")))
    return ends + field(3, kind) + more


def block(*operators: bytes, number: int = 0) -> bytes:
    variable = field(3, field(1, "x") + field(2, field(1, 7)))
    return field(1, number) + field(2, -1 if not number else 0) + variable + b"".join(field(4, o) for o in operators)


def program(*operators: bytes, blocks: tuple[bytes, ...] = ()) -> bytes:
    return b"".join(field(1, b) for b in (block(*operators), *blocks)) + field(4, field(1, 0))


def pir(*names: str, inner: tuple[str, ...] = ()) -> dict[str, Any]:
    regions = [{"#": "region_1", "blocks": [{"#": "block_1", "args": [], "ops": [{"#": n} for n in inner]}]}]
    ops = [{"#": n, "A": [], "I": [], "O": [], "regions": regions if inner else []} for n in names]
    blocks = [{"#": "block_0", "args": [], "ops": ops}]
    base = {"magic": "pir", "trainable": False, "version": 1}
    return {"base_code": base, "program": {"regions": [{"#": "region_0", "blocks": blocks}]}}


def parameter(dims: tuple[int, ...], content: bytes, kind: int = FLOAT) -> bytes:
    description = field(1, kind) + b"".join(field(2, n) for n in dims)
    return struct.pack("<IQIi", 0, 0, 0, len(description)) + description + content


@honest("paddle", "a program of two operators", file=FILE)
def small() -> bytes:
    return program(operator("feed"), operator("matmul_v2"), operator("relu"))


@honest("paddle", "a loop with a block of its own", file=FILE)
def loop() -> bytes:
    attribute = field(4, fields((1, "sub_block"), (2, 8), (12, 1)))
    return program(operator("while", attribute), blocks=(block(operator("scale"), number=1),))


@honest("paddle", "a program of Paddle 3, as JSON", file=JSON)
def small_json() -> bytes:
    return json.dumps(pir("p", "1.data", "1.conv2d", "1.batch_norm_", "1.if", inner=("1.relu", "2.yield"))).encode()


@honest("paddle", "two parameters", file=PARAMETERS)
def parameters() -> bytes:
    return parameter((2, 2), struct.pack("<4f", 1, 2, 3, 4)) + parameter((1,), struct.pack("<f", 5))


@bad("paddle", "an operator that calls Python", file=FILE)
def python() -> bytes:
    return program(operator("py_func", field(4, fields((1, "forward_callable_id"), (2, 0), (3, 0)))))


@bad("paddle", "the same in a block of a loop", file=FILE)
def python_in_block() -> bytes:
    return program(operator("while"), blocks=(block(operator("py_func"), number=1),))


@bad("paddle", "an operator that reads a file", file=FILE)
def load() -> bytes:
    return program(operator("load_combine", field(4, fields((1, "file_path"), (2, 2), (5, "/etc/passwd")))))


@bad("paddle", "an operator that writes a file", file=FILE)
def save() -> bytes:
    return program(operator("save", field(4, fields((1, "file_path"), (2, 2), (5, "/root/.bashrc")))))


@bad("paddle", "a compiled engine inside the program", file=FILE)
def engine() -> bytes:
    return program(operator("tensorrt_engine"))


@bad("paddle", "an operator that nobody knows", file=FILE)
def custom() -> bytes:
    return program(operator("acme_op"))


@bad("paddle", "the operator's type twice: the last one runs", file=FILE)
def two_types() -> bytes:
    return program(operator("relu", field(3, "tanh")))


@bad("paddle", "an attribute with two values", file=FILE)
def two_values() -> bytes:
    return program(operator("scale", field(4, fields((1, "a"), (2, 0), (3, 1), (5, "text")))))


@bad("paddle", "a field that nobody knows", file=FILE)
def unknown_field() -> bytes:
    return program(operator("relu", field(88, "anything")))


@bad("paddle", "base64 of a pickle in an attribute", file=FILE)
def pickled() -> bytes:
    import base64

    text = base64.b64encode(pickle.dumps(Exploit())).decode()
    return program(operator("relu", field(4, fields((1, "a"), (2, 2), (5, text)))))


@bad("paddle", "the program breaks off", file=FILE)
def truncated() -> bytes:
    return program(operator("relu"), operator("py_func"))[:-9]


@bad("paddle", "Python, in a program of Paddle 3", file=JSON)
def json_python() -> bytes:
    return json.dumps(pir("1.data", "1.py_func")).encode()


@bad("paddle", "the same inside a branch", file=JSON)
def json_inner() -> bytes:
    return json.dumps(pir("1.if", inner=("1.pylayer",))).encode()


@bad("paddle", "an operator of a dialect that nobody knows", file=JSON)
def json_dialect() -> bytes:
    return json.dumps(pir("9.run")).encode()


@bad("paddle", "the same with its keys in another order", file=JSON)
def json_reordered() -> bytes:
    return json.dumps(dict(reversed(pir("1.py_func").items())), indent=1).encode()


@bad("paddle", "a parameter that needs more bytes than there are", file=PARAMETERS)
def parameter_beyond() -> bytes:
    return parameters() + parameter((1 << 20, 1 << 20), bytes(8))


@bad("paddle", "a pickle behind the parameters", file=PARAMETERS)
def parameter_behind() -> bytes:
    return parameters() + pickle.dumps(Exploit())


@bad("paddle", "a negative dimension", file=PARAMETERS)
def parameter_negative() -> bytes:
    return parameters() + parameter((-1, -2), bytes(8))
