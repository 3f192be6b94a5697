"""Files where numbers should be, and bytes that a model claims without reading: of each format one way or more."""

from __future__ import annotations

import base64
import random
import struct

from corpus import (
    Content,
    bad,
    coreml,
    gguf_writer,
    honest,
    onnx,
    paddle,
    rdata,
    tensorflow,
    tflite,
    trees,
)
from corpus.wire import field

ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\0\x3e\0\x01\0\0\0" + bytes(range(1, 249)) * 4
NOISE = random.Random(7).randbytes(100_000)
FLOATS = len(ELF) // 4
PAIR = struct.pack("<2f", 0.5, -0.5)


def second(location: str, dims: tuple[int, ...], **entries: str) -> bytes:
    """The same tensor by another name."""
    return onnx.outside(location, dims, **entries).replace(field(8, "w"), field(8, "v"))


# ONNX


@bad("onnx", "a tensor of nothing names a file, which then would be weights")
def onnx_nothing() -> Content:
    weights = onnx.outside("w.bin", (0,), offset="0", length="0")
    return {"model.onnx": onnx.model(tensors=(weights,)), "w.bin": NOISE}


@bad("onnx", "without a length, ONNX Runtime reads what the shape needs and onnx the whole file")
def onnx_no_length() -> Content:
    return {"model.onnx": onnx.model(tensors=(onnx.outside("w.bin"),)), "w.bin": PAIR + NOISE}


@bad("onnx", "what aligns the next tensor is no zeros")
def onnx_gap() -> Content:
    tensors = onnx.outside("w.bin", offset="0", length="8"), second("w.bin", (2,), offset="60000", length="8")
    return {"model.onnx": onnx.model(tensors=tensors), "w.bin": PAIR + NOISE[:59992] + PAIR}


@bad("onnx", "a program as the second tensor of a file")
def onnx_program_beside() -> Content:
    tensors = (
        onnx.outside("w.bin", offset="0", length="8"),
        second("w.bin", (FLOATS,), offset="8", length=f"{len(ELF)}"),
    )
    return {"model.onnx": onnx.model(tensors=tensors), "w.bin": PAIR + ELF}


@bad("onnx", "a program as a tensor of floats", file=onnx.FILE)
def onnx_program() -> bytes:
    return onnx.model(tensors=(onnx.tensor("w", (FLOATS,), ELF),))


@bad("onnx", "7-Zip as a tensor of floats", file=onnx.FILE)
def onnx_archive() -> bytes:
    return onnx.model(tensors=(onnx.tensor("w", (4,), b"7z\xbc\xaf\x27\x1c" + bytes(10)),))


@bad("onnx", "the type of a tensor in more than 32 bits, of which a parser drops some", file=onnx.FILE)
def onnx_wide_type() -> bytes:
    return onnx.model(tensors=(onnx.tensor("w", (2,), PAIR, kind=1 << 32 | onnx.FLOAT),))


@honest("onnx", "a tensor without a length, of all of its file")
def onnx_whole_file() -> Content:
    return {"model.onnx": onnx.model(tensors=(onnx.outside("w.bin"),)), "w.bin": PAIR}


# OpenVINO


def openvino(size: int, shape: int, offset: int = 0) -> bytes:
    data = f'<data element_type="f32" shape="{shape}" offset="{offset}" size="{size}"/>'
    port = f'<output><port id="0" precision="FP32"><dim>{shape}</dim></port></output>'
    layer = f'<layer id="0" name="c" type="Const" version="opset1">{data}{port}</layer>'
    return f'<?xml version="1.0"?><net name="m" version="11"><layers>{layer}</layers><edges/></net>'.encode()


@honest("openvino", "one constant, and its bytes")
def openvino_constant() -> Content:
    return {"m.xml": openvino(8, 2), "m.bin": PAIR}


@bad("openvino", "one constant claims a file of anything")
def openvino_unread() -> Content:
    return {"m.xml": openvino(8, 2), "m.bin": PAIR + NOISE}


@bad("openvino", "a constant beyond the end of the file")
def openvino_beyond() -> Content:
    return {"m.xml": openvino(8, 2, offset=64), "m.bin": PAIR}


@bad("openvino", "a program as a constant")
def openvino_program() -> Content:
    return {"m.xml": openvino(len(ELF), FLOATS), "m.bin": ELF}


# TensorFlow


@bad("tensorflow", "a path in a constant whose type is told in more than 32 bits", file="model.pb")
def tensorflow_wide_type() -> bytes:
    wide = 1 << 32 | 7
    tensor = field(8, field(1, wide) + field(2, b"") + field(8, "/etc/cron.d/x"))
    attributes = tensorflow.attribute("dtype", field(6, wide)) + tensorflow.attribute("value", tensor)
    path = tensorflow.node("Const", name="p", attributes=attributes)
    return tensorflow.graph(path, tensorflow.node("RestoreV2", "p", "x", "x", name="r"))


@bad("tensorflow", "a path behind more texts than a reader cares for", file="model.pb")
def tensorflow_many_paths() -> bytes:
    texts = field(8, "model") * 100 + field(8, "/etc/passwd")
    tensor = field(1, 7) + field(2, field(2, field(1, 101))) + texts
    path = tensorflow.constant("p", 7, tensor)
    return tensorflow.graph(path, tensorflow.node("MergeV2Checkpoints", "p", "x", name="m"))


@bad("tensorflow", "a program as a tensor of floats", file="model.pb")
def tensorflow_program() -> bytes:
    return tensorflow.graph(tensorflow.floats((FLOATS,), ELF))


# TensorFlow Lite


@bad("tflite", "a program in a buffer that no tensor uses", file=tflite.FILE)
def tflite_program_unused() -> bytes:
    return tflite.model(buffers=(tflite.WEIGHTS, ELF))


@bad("tflite", "bytes in a buffer that no tensor uses", file=tflite.FILE)
def tflite_unused() -> bytes:
    return tflite.model(buffers=(tflite.WEIGHTS, NOISE))


@bad("tflite", "a program as a tensor of floats", file=tflite.FILE)
def tflite_program() -> bytes:
    graph = tflite.graph(tensors=[tflite.tensor([FLOATS], 1), tflite.tensor([2, 2], name="y")])
    return tflite.model(graph, buffers=(ELF,))


# others


@bad("gguf", "a program as a tensor", file="model.gguf")
def gguf_program() -> bytes:
    writer = gguf_writer.Writer()
    return writer.file([], [writer.tensor("w", [FLOATS], 0)], ELF)


@bad("gguf", "templates in an array", file="model.gguf")
def gguf_templates() -> bytes:
    writer = gguf_writer.Writer()
    text = "{{ cycler.__init__.__globals__.os.popen('id').read() }}"
    return writer.file([writer.entry("tokenizer.chat_templates", 9, writer.texts(["{{ messages }}", text]))])


@bad("coreml", "a program as the weights of a program", file="weight.bin")
def coreml_program() -> bytes:
    return coreml.weights(ELF)


@bad("paddle", "a program as a parameter", file="model.pdiparams")
def paddle_program() -> bytes:
    return paddle.parameter((FLOATS,), ELF)


def with_level(level: bytes) -> bytes:
    plain = paddle.parameter((2,), PAIR)
    return plain[:4] + struct.pack("<QQ", 1, len(level)) + level + plain[12:]


@honest("paddle", "a parameter of sequences", file="model.pdiparams")
def paddle_level() -> bytes:
    return with_level(struct.pack("<3Q", 0, 1, 2))


@bad("paddle", "bytes of no meaning where sequences should begin", file="model.pdiparams")
def paddle_hidden() -> bytes:
    return paddle.parameter((2,), PAIR) + with_level(NOISE)


@bad("xgboost", "a program under a name that XGBoost does not know", file="model.ubj")
def xgboost_unknown() -> bytes:
    changed = trees.nested(trees.MODEL, "learner.gradient_booster.model.payload", list(ELF))
    return trees.as_ubj(changed)


@bad("xgboost", "numbers under a name that XGBoost does not know, in a tree", file="model.json")
def xgboost_unknown_in_tree() -> bytes:
    return trees.as_json(trees.booster(payload=list(ELF)))


@bad("xgboost", "numbers in the settings of the objective", file="model.json")
def xgboost_settings() -> bytes:
    return trees.as_json(trees.nested(trees.MODEL, "learner.objective.reg_loss_param", {"x": list(ELF)}))


@bad("xgboost", "base64 of a program in an attribute", file="model.ubj")
def xgboost_attribute() -> bytes:
    text = base64.b64encode(ELF).decode()
    return trees.as_ubj(trees.nested(trees.MODEL, "learner.attributes.note", text))


@bad("lightgbm", "base64 of a program among the categories", file="model.txt")
def lightgbm_categories() -> bytes:
    text = base64.b64encode(ELF).decode()
    return trees.text(trees.SPLITS).replace(b"pandas_categorical:null", f'pandas_categorical:[["{text}"]]'.encode())


@bad("npy", "a program as the bytes of an array", file="w.npy")
def npy_program() -> bytes:
    return npy(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({len(ELF)},), }}", ELF)


@bad("npy", "a comment in the header, which Python passes over", file="w.npy")
def npy_comment() -> bytes:
    text = base64.b64encode(NOISE[:9000]).decode()
    return npy(f"{{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }} # {text}", b"\0")


def npy(header: str, content: bytes) -> bytes:
    text = header.encode() + bytes(-(len(header) + 11) % 64).replace(b"\0", b" ") + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + content


@bad("msgpack", "a program as the bytes of a value", file="model.msgpack")
def msgpack_program() -> bytes:
    return b"\x81\xa6params\xc6" + struct.pack(">I", len(ELF)) + ELF


@bad("msgpack", "base64 of a program as a text", file="model.msgpack")
def msgpack_text() -> bytes:
    text = base64.b64encode(ELF)
    return b"\x81\xa6params\xdb" + struct.pack(">I", len(text)) + text


@bad("rds", "a program as raw bytes", file="model.rds")
def r_program() -> bytes:
    return rdata.file(rdata.word(24) + rdata.word(len(ELF)) + ELF)


@bad("rds", "base64 of a program as a text", file="model.rds")
def r_text() -> bytes:
    return rdata.file(rdata.strings(base64.b64encode(ELF).decode()))
