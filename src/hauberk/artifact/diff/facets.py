"""What two models are compared by. Everything is read from bytes; no model is loaded.

    files     every file, by path: its digest
    tensors   every tensor that a reader finds, by name
    layers    the nodes of a graph, the layers of a Keras configuration: what each one computes
    metadata  texts that a format carries, and the values of JSON files, by their path in the document
    code      text that something would run or read: TorchScript, Python, templates, the program in a pickle
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...core.canon import Json, parse_json
from ...core.errors import HauberkError, InputError, UnsupportedError
from ...core.limits import Limits
from ...core.nouns import Skipped
from ..formats import onnx, safetensors, zip
from ..formats.opcodes import Broken
from ..formats.protobuf import Layout, Message
from ..manifest import Entry, files_of, manifest
from ..reading import Reading
from ..walk import Walk, join, printable
from ..weights import gather, source, tree
from ..weights.safetensors_file import header_of
from ..weights.values import Tensor
from ..why import why

TEXT_MAX = 4 << 20
"""Longer texts are compared by digest alone."""
VALUE_MAX = 200


@dataclass
class Facets:
    """One model, taken apart. left: what could not be, and why."""

    files: dict[str, Entry] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    layers: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    code: dict[str, tuple[str, ...]] = field(default_factory=dict)
    left: list[Skipped] = field(default_factory=list)


def facets(path: Path, limits: Limits) -> Facets:
    """Take a file or a folder apart. Raises InputError for a path that cannot be read."""
    found = Facets()
    for entry in manifest(path, limits).files:
        found.files[entry.path] = entry
    for item in files_of(path, limits):
        reading = Reading(item, digests=False)
        try:
            _take(found, reading.data, item.path, item.location, limits)
        finally:
            reading.close()
    return found


def _take(found: Facets, data: memoryview, path: str, location: Path, limits: Limits) -> None:
    if not len(data):
        return
    _tensors(found, data, path, limits)
    if onnx.sniff(data):
        _graph(found, data, path)
    elif zip.sniff(data):
        _members(found, data, path, limits)
        _program(found, path, location, limits)
    elif (text := _text(data)) is not None:
        _written(found, text, path)
    else:
        _program(found, path, location, limits)


def _tensors(found: Facets, data: memoryview, path: str, limits: Limits) -> None:
    prefix = f"{path}:" if path else ""
    try:
        taken = tree.take(source.read(data, limits).result, partial=True)
        for name, tensor in taken.tensors.items():
            gather.check(tensor, printable(name))
            found.tensors[prefix + name] = tensor
        if safetensors.sniff(data):
            about = header_of(data)[0].get("__metadata__")
            found.metadata |= {prefix + str(k): str(v) for k, v in about.items()} if isinstance(about, dict) else {}
    except UnsupportedError:
        return
    except (HauberkError, Broken) as error:
        found.left.append(Skipped(path or "the file", str(error)))


def _text(data: memoryview) -> str | None:
    if len(data) > TEXT_MAX:
        return None
    try:
        text = str(data, "utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _written(found: Facets, text: str, path: str) -> None:
    """A JSON document by its values, any other text by its lines."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            document = parse_json(text.encode(), what=path)
        except InputError:
            pass
        else:
            found.metadata |= dict(flat(document, f"{path}:" if path else ""))
            return
    found.code[path] = tuple(text.splitlines())


def flat(value: Json, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every value of a JSON document, by its path.

    >>> sorted(flat({"a": [1, {"b": None}]}))
    [('a[0]', '1'), ('a[1].b', 'None')]
    """
    todo: list[tuple[str, Any]] = [(prefix, value)]
    while todo:
        path, item = todo.pop()
        joint = "" if path in ("", prefix) else "."
        if isinstance(item, dict) and item:
            todo += [(f"{path}{joint}{key}", inner) for key, inner in item.items()]
        elif isinstance(item, list) and item:
            todo += [(f"{path}[{i}]", inner) for i, inner in enumerate(item)]
        else:
            yield path, str(item)


def _members(found: Facets, data: memoryview, path: str, limits: Limits) -> None:
    """The texts in an archive: TorchScript code, configurations, versions."""
    walk = Walk(limits, lambda walk, data, path: None)
    try:
        archive = zip.open_zip(walk, data, path)
        for member in archive.members if archive else ():
            if member.size <= TEXT_MAX and not member.name.endswith((".npy", ".pkl")):
                content = zip.read(walk, archive, member, path) if archive else None
                if content is not None and len(content) and (text := _text(content)) is not None:
                    _written(found, text, join(path, printable(member.name)))
    except Broken as error:
        found.left.append(Skipped(path or "the file", str(error)))
    found.left += [Skipped(what, reason) for what, reason in walk.skipped]


def _program(found: Facets, path: str, location: Path, limits: Limits) -> None:
    """What the pickles in a file would do, line by line."""
    lines = why(location, limits)
    if lines:
        found.code[join(path, "program") if path else "program"] = tuple(line.text for line in lines)


def _graph(found: Facets, data: memoryview, path: str) -> None:
    """The nodes of an ONNX model; its inputs, outputs and operator sets."""
    layout, prefix = Layout("onnx"), f"{path}:" if path else ""
    try:
        model = layout.read(data, "ModelProto")
        for value in model.all("opset_import"):
            opset = layout.read(value, "OperatorSetIdProto")
            found.metadata[f"{prefix}opset {opset.text('domain') or 'ai.onnx'}"] = str(opset.number("version"))
        for value in model.all("metadata_props"):
            pair = layout.read(value, "StringStringEntryProto")
            found.metadata[prefix + pair.text("key")] = pair.text("value")
        for value in model.all("graph"):
            _nodes(found, layout, layout.read(value, "GraphProto"), prefix, 0)
        for value in model.all("functions"):
            function = layout.read(value, "FunctionProto")
            _nodes(found, layout, function, f"{prefix}{function.text('name')}/", 0)
    except Broken as error:
        found.left.append(Skipped(path or "the file", str(error)))


def _nodes(found: Facets, layout: Layout, graph: Message, prefix: str, depth: int) -> None:
    if depth > 64:
        raise Broken("graphs are nested too deeply", 0)
    for value in graph.all("node"):
        node = layout.read(value, "NodeProto")
        name = prefix + (node.text("name") or "".join(node.texts("output")[:1]))
        attributes = [layout.read(item, "AttributeProto") for item in node.all("attribute")]
        told = ", ".join(filter(None, (_attribute(a) for a in sorted(attributes, key=lambda a: a.text("name")))))
        ends = f"{', '.join(node.texts('input'))} -> {', '.join(node.texts('output'))}"
        domain = f"{node.text('domain')}." if node.text("domain") else ""
        found.layers[name] = f"{domain}{node.text('op_type')}({told}) {ends}"
        for attribute in attributes:
            for inner in (*attribute.all("g"), *attribute.all("graphs")):
                where = f"{name}.{attribute.text('name')}/"
                _nodes(found, layout, layout.read(inner, "GraphProto"), where, depth + 1)


def _attribute(attribute: Message) -> str:
    """`kernel_shape=3,3`; '' for tensors and graphs, which are told elsewhere."""
    import struct

    numbers = [str(n) for n in (*attribute.numbers("i"), *attribute.numbers("ints"))]
    floats = [f"{n:g}" for field in ("f", "floats") for raw in attribute.all(field)
              for (n,) in struct.iter_unpack("<f", raw)]  # fmt: skip
    texts = [printable(text, VALUE_MAX) for field in ("s", "strings") for text in attribute.texts(field)]
    values = ",".join((*numbers, *floats, *texts))
    return f"{attribute.text('name')}={values}" if values else ""


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(`added`, `removed` or `changed`, name) of what differs between two mappings, by name.

    >>> list(changed({"a": 1, "b": 2}, {"b": 3, "c": 4}))
    [('removed', 'a'), ('changed', 'b'), ('added', 'c')]
    """
    for name in sorted({*old, *new}):
        if name not in new:
            yield "removed", name
        elif name not in old:
            yield "added", name
        elif old[name] != new[name]:
            yield "changed", name
