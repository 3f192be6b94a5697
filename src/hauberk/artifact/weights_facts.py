"""Plain facts about a tensor's numbers: what is not finite, what is constant, what is there twice, what nobody uses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..core.errors import need
from .formats import onnx
from .formats.protobuf import Layout, Message
from .weights_read import Named

BITS = {"F32": ("<u4", "<f4", 23), "F16": ("<u2", "<f2", 10), "BF16": ("<u2", "", 7), "F64": ("<u8", "<f8", 52)}
"""Floats: the type of their bits, their own where NumPy has it, and how many bits are fraction."""
PIECE = 1 << 22
"""Numbers looked at together."""
MIN_ITEMS = 64
"""Smaller tensors may be constant or equal by chance or for good reason: scales, steps, shapes."""
MAX_NESTING = 64


@dataclass(frozen=True)
class Facts:
    """Of one tensor. digest: of its bytes, to find it again; '' for a small or constant one."""

    items: int
    nan: int
    infinite: int
    constant: bool
    digest: str


def facts(tensor: Named) -> Facts:
    """Look at every number once. Costs about 0.3 CPU seconds a GiB for the facts and 0.6 for the digest."""
    np = need("numpy", extra="audit")
    words, nan, infinite = words_of(tensor), 0, 0
    if words is not None:
        whole = (1 << BITS[tensor.dtype][2]) - 1
        exponents = ((1 << (8 * words.dtype.itemsize - 1)) - 1) ^ whole
        for at in range(0, len(words), PIECE):
            piece = words[at : at + PIECE]
            odd = piece[(piece & exponents) == exponents]
            nan += int(np.count_nonzero(odd & whole))
            infinite += int(np.count_nonzero((odd & whole) == 0))
    items = _items(tensor)
    constant = items >= MIN_ITEMS and _constant(tensor, items)
    twice = items >= MIN_ITEMS and not constant
    return Facts(items, nan, infinite, constant, hashlib.blake2b(tensor.data).hexdigest() if twice else "")


def words_of(tensor: Named) -> Any:
    """(n,) the bits of a tensor of floats; None for any other."""
    np = need("numpy", extra="audit")
    if tensor.dtype not in BITS:
        return None
    return np.frombuffer(tensor.data, BITS[tensor.dtype][0])


def _items(tensor: Named) -> int:
    n = 1
    for size in tensor.shape:
        n *= size
    return n


def _constant(tensor: Named, items: int) -> bool:
    """Whether all numbers are the same bytes: a view shifted by one number is equal to itself."""
    width = len(tensor.data) // items
    return bool(width) and tensor.data[width:] == tensor.data[:-width]


def unused(data: memoryview) -> Iterator[tuple[str, int]]:
    """(name, bytes) of the initialisers of an ONNX model that no node of any graph reads and no output gives.

    Raises Broken for bytes that are no model.
    """
    layout = Layout("onnx")
    model = layout.read(data, "ModelProto")
    for content in model.all("graph"):
        graph = layout.read(content, "GraphProto")
        used = set(_used(layout, graph, 0))
        for item in graph.all("initializer"):
            name = layout.read(item, "TensorProto").text("name")
            if name not in used:
                yield name, len(item)


def _used(layout: Layout, graph: Message, depth: int) -> Iterator[str]:
    """Names that a graph and those inside it read or give."""
    if depth > MAX_NESTING:
        return
    yield from (layout.read(item, "ValueInfoProto").text("name") for item in graph.all("output"))
    for item in graph.all("quantization_annotation"):
        yield layout.read(item, "TensorAnnotation").text("tensor_name")
    for item in graph.all("node"):
        node = layout.read(item, "NodeProto")
        yield from node.texts("input")
        for part in node.all("attribute"):
            attribute = layout.read(part, "AttributeProto")
            for inner in (*attribute.all("g"), *attribute.all("graphs")):
                yield from _used(layout, layout.read(inner, "GraphProto"), depth + 1)


def is_onnx(data: memoryview) -> bool:
    """Whether `unused` can be asked."""
    return onnx.sniff(data)
