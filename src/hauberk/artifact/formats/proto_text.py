"""Graphs as text: protobuf's text format of TensorFlow's and ONNX's messages, Caffe's networks, other graph languages.

TensorFlow loads `saved_model.pbtxt` where there is no `saved_model.pb`, and onnx loads `.textproto`. Such a text is
written as the bytes that it stands for (`proto_wire`), and those are walked.
The language is https://protobuf.dev/reference/protobuf/textformat-spec/.

>>> tree(b'node { op: "Add" input: ["x", "y"] }')
[('node', [('op', b'Add'), ('input', b'x'), ('input', b'y')])]
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...core.nouns import Place, Severity
from ..walk import Walk, printable
from .opcodes import Broken
from .proto_wire import Fields, Value, walk_fields

FIRST = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s|#[^\n]*\n)*([A-Za-z_]\w*)\s*:?\s*[{<\"'\[\w-]")
"""How such a text begins: a field with a message or a value."""
ROOTS = {
    "SavedModel": ("tensorflow", {"saved_model_schema_version", "meta_graphs"}),
    "MetaGraphDef": ("tensorflow", {
        "meta_info_def", "graph_def", "saver_def", "collection_def", "signature_def", "asset_file_def",
        "object_graph_def",
    }),
    "GraphDef": ("tensorflow", {"node", "library", "versions", "version", "debug_info"}),
    "ModelProto": ("onnx", {
        "ir_version", "graph", "opset_import", "producer_name", "producer_version", "domain", "model_version",
        "doc_string", "metadata_props", "training_info", "functions", "configuration",
    }),
}  # fmt: skip
"""Messages that are read, and the fields by which they are known."""
CORE = {"MetaGraphDef": {"graph_def", "object_graph_def", "collection_def"}, "SavedModel": {"meta_graphs"},
        "ModelProto": {"graph", "functions", "training_info"}}  # fmt: skip
"""Fields without which such a message does nothing."""
NETWORK = {"layer", "layers", "input", "input_dim", "input_shape", "force_backward", "state", "train_net", "net"}
UNREAD = (
    (re.compile(rb"\s*<\s*ir_version\s*:"), "ONNX's own text format"),
    (re.compile(rb"(?:\s|//[^\n]*\n|#[^\n]*\n)*(?:module\b[^\n]{0,400}\{|func\.func\b|\"builtin\.module\")"), "MLIR"),
    (re.compile(rb"\s*HloModule\s"), "XLA's HLO"),
)
TOKEN = re.compile(
    rb"\s+|#[^\n]*|([A-Za-z_][\w.]*)|([-+]?[\d.][\w.+-]*|-\s*inf\w*|-\s*nan)"
    rb"|\"((?:\\.|[^\"\\\n])*)\"|'((?:\\.|[^'\\\n])*)'|([{}<>\[\]:;,/-])",
    re.DOTALL,
)
ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
SHORT = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
MAX_NESTING = 100
MAX_LISTS = 4
"""Each is read once more; writers repeat the field instead."""


def walked(walk: Walk, data: memoryview, path: str) -> bool:
    """Walk a text that is a graph; False when it is none."""
    head = bytes(data[:4096])
    if title := next((what for begins, what in UNREAD if begins.match(head)), ""):
        walk.formats[path] = title
        walk.skip(path or "the file", f"it is {title}: a program as text, which is recognised and not read yet")
        return True
    found = FIRST.match(head)
    name = found[1].decode() if found else ""
    if not any(name in names for _, names in ROOTS.values()) and name not in (*NETWORK, "name"):
        return False
    try:
        fields = tree(bytes(data))
    except Broken:
        return _broken(walk, path, head)
    if kind := next((kind for kind, (_, names) in ROOTS.items() if _is(kind, fields, names)), ""):
        walk_fields(walk, fields, kind, ROOTS[kind][0], path)
        return True
    return _network(walk, fields, path)


def _is(kind: str, fields: Fields, names: set[str]) -> bool:
    messages = [(name, value) for name, value in fields if isinstance(value, list)]
    if kind == "GraphDef":  # MediaPipe's graphs have nodes as well, of calculators
        inner = {"node": "op", "library": "function"}
        return any(name in inner and any(n == inner[name] for n, _ in value) for name, value in messages)
    return any(name in CORE[kind] for name, _ in messages) and fields[0][0] in names


def _broken(walk: Walk, path: str, head: bytes) -> bool:
    """A text that only begins like one: no loader reads it, but one that nests messages was meant to be read."""
    if not re.search(rb"^\s*(?:node|graph|graph_def|meta_graphs|layer)\s*:?\s*\{", head, re.MULTILINE):
        return False
    walk.formats[path] = "protobuf text"
    walk.skip(path or "the file", "a graph as text that does not parse")
    return True


def _network(walk: Walk, fields: Fields, path: str) -> bool:
    """Caffe: a layer of type Python imports a module of any name."""
    layers = [value for name, value in fields if name in ("layer", "layers") and isinstance(value, list)]
    if not layers:
        return False
    walk.formats[path] = "caffe network"
    for number, layer in enumerate(layers):
        if any(name == "python_param" or (name == "type" and value in (b"Python", "PYTHON")) for name, value in layer):
            inner = [v for n, v in layer if n == "python_param" and isinstance(v, list)]
            module = [v for fields in inner for n, v in fields if n == "module" and isinstance(v, bytes)]
            names = printable(b" ".join(module).decode("utf-8", "replace"))
            message = f"a layer of type Python: loading the network imports the module {names or '(none)'}"
            remedy = "do not load this network unless you know that module"
            place = Place(path, f"layer {number}")
            walk.flaw("artifact.caffe.python", Severity.CRITICAL, place, message, remedy, ("CWE-829",))
    return True


def tree(text: bytes, depth: int = 0) -> Fields:
    """The fields of a text. Raises Broken for what is none."""
    if depth > MAX_LISTS:
        raise Broken("lists of messages are nested too deeply", 0)
    root: Fields = []
    stack: list[tuple[Fields, bytes]] = [(root, b"")]
    tokens = _Tokens(text, depth)
    while (token := tokens.next()) is not None:
        fields, closer = stack[-1]
        kind, value = token
        if kind == "sign" and value in (b";", b","):
            continue
        if kind == "sign" and value == closer and closer:
            stack.pop()
        else:
            name = _name(tokens, kind, value)
            for opener in _values(tokens, name, fields, stack):
                if len(stack) > MAX_NESTING:
                    raise Broken("messages are nested too deeply", tokens.at)
                inner: Fields = []
                fields.append((name, inner))
                stack.append((inner, b"}" if opener == b"{" else b">"))
    if len(stack) > 1:
        raise Broken("a message has no end", len(text))
    return root


class _Tokens:
    """The words of a text: names, numbers, strings (joined where they stand side by side) and signs."""

    def __init__(self, text: bytes, depth: int) -> None:
        self.depth = depth
        self.text, self.at = text, 3 if text.startswith(b"\xef\xbb\xbf") else 0

    def next(self) -> tuple[str, bytes] | None:
        """The next word, or None at the end. Raises Broken."""
        while self.at < len(self.text):
            match = TOKEN.match(self.text, self.at)
            if match is None:
                raise Broken("this is no text of a message", self.at)
            self.at = match.end()
            if match.lastindex:
                kind = ("", "name", "number", "text", "text", "sign")[match.lastindex]
                return kind, match[match.lastindex]
        return None

    def peek(self) -> tuple[str, bytes] | None:
        """The next word, which stays."""
        at = self.at
        token = self.next()
        self.at = at
        return token


def _name(tokens: _Tokens, kind: str, value: bytes) -> str:
    if kind == "sign" and value == b"[":  # an extension, or the type of an Any
        parts = []
        while (token := tokens.next()) is not None and token[1] != b"]":
            parts.append(token[1])
        return "[" + b"".join(parts).decode("latin-1") + "]"
    if kind != "name":
        raise Broken("a field has no name", tokens.at)
    return value.decode("latin-1")


def _values(tokens: _Tokens, name: str, fields: Fields, stack: list[tuple[Fields, bytes]]) -> Iterator[bytes]:
    """Append the values of a field; yields how a message opens, for the caller to fill it."""
    token = tokens.next()
    if token == ("sign", b":"):
        token = tokens.next()
    if token is None:
        raise Broken("a field has no value", tokens.at)
    kind, value = token
    if kind == "sign" and value in (b"{", b"<"):
        yield value
    elif kind == "sign" and value == b"[":
        fields.extend((name, each) for each in _list(tokens))
    else:
        fields.append((name, _scalar(tokens, kind, value)))


def _list(tokens: _Tokens) -> list[Value]:
    """A list of scalars, or of messages."""
    found: list[Value] = []
    while (token := tokens.next()) is not None and token != ("sign", b"]"):
        kind, value = token
        if kind == "sign" and value in (b"{", b"<"):
            found.append(_inner(tokens))
        elif token != ("sign", b","):
            found.append(_scalar(tokens, kind, value))
    return found


def _inner(tokens: _Tokens) -> Fields:
    """A message inside a list: its text, up to where it closes."""
    begin, depth = tokens.at, 1
    while depth:
        token = tokens.next()
        if token is None:
            raise Broken("a message has no end", tokens.at)
        depth += (token[1] in (b"{", b"<") and token[0] == "sign") - (token[1] in (b"}", b">") and token[0] == "sign")
        if depth > MAX_NESTING:
            raise Broken("messages are nested too deeply", tokens.at)
    return tree(tokens.text[begin : tokens.at - 1], tokens.depth + 1)


def _scalar(tokens: _Tokens, kind: str, value: bytes) -> Value:
    if kind == "sign":
        raise Broken("a field has no value", tokens.at)
    if kind != "text":
        return value.decode("latin-1").replace(" ", "")
    parts = [value]
    while (token := tokens.peek()) is not None and token[0] == "text":
        tokens.next()
        parts.append(token[1])
    return b"".join(ESCAPE.sub(_plain, part) for part in parts)


def _plain(match: re.Match[bytes]) -> bytes:
    if match[1]:
        return bytes((int(match[1], 8) & 0xFF,))
    if match[2]:
        return bytes((int(match[2], 16),))
    if match[3] or match[4]:
        return chr(min(int(match[3] or match[4], 16), 0x10FFFF)).encode("utf-8", "surrogatepass")
    return SHORT.get(match[5], match[5])
