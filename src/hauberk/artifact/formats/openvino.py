"""OpenVINO IR: a graph as XML, its constants in a .bin beside it; and the XML that makes OpenVINO load libraries.

An operator that is none of OpenVINO's own (packs/openvino.json) comes from a library that is loaded for it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from ...core.nouns import Severity
from ..verdicts import read_pack
from ..walk import printable
from . import beside as files
from .graphs import volume
from .opcodes import Broken
from .xml import Attributes

if TYPE_CHECKING:
    from .xml import Document

BITS = {
    "boolean": 8, "u1": 1, "u2": 2, "u3": 3, "u4": 4, "u6": 6, "u8": 8, "u16": 16, "u32": 32, "u64": 64, "i4": 4,
    "i8": 8, "i16": 16, "i32": 32, "i64": 64, "f4e2m1": 4, "f8e4m3": 8, "f8e5m2": 8, "f8e8m0": 8, "nf4": 4,
    "f16": 16, "bf16": 16, "f32": 32, "f64": 64,
}  # fmt: skip
"""Element types of fixed size; `string` has none."""
REMEDY = "know that library before you load it; or convert the model with standard operators"


@cache
def operators() -> frozenset[str]:
    """The operators that OpenVINO brings itself."""
    return frozenset(name for group in read_pack("openvino")["operators"] for name in group["names"])


class OpenVino:
    """Judges the layers of one document. root: net, ie (plug-ins) or CustomLayer (kernels)."""

    def __init__(self, document: Document, root: str) -> None:
        self.document, self.root = document, root
        self.layers: list[str] = []
        self.spans: set[files.Span] = set()

    def start(self, namespace: str, name: str, attributes: Attributes) -> None:
        """Judge an element. Raises Broken."""
        if self.root == "net" and name == "layer":
            self._layer(attributes)
        elif self.root == "net" and name == "data" and self.layers and self.layers[-1] == "Const":
            self._constant(attributes)
        elif self.root != "net" and name in ("plugin", "extension", "Source"):
            what = attributes.get("location") or attributes.get("filename") or ""
            message = f"OpenVINO loads {printable(what)!r} for this file, and runs it"
            self._tell("library", Severity.HIGH, message, ("CWE-829",))

    def end(self, name: str) -> None:
        """Leave an element."""
        if name == "layer" and self.layers:
            self.layers.pop()

    def _layer(self, attributes: Attributes) -> None:
        kind, version = attributes.get("type", ""), attributes.get("version", "")
        self.layers.append(kind)
        own = version.startswith("opset") and version[5:].isdigit()
        if not own or kind not in operators():
            what = f"{printable(version, 40)}::{printable(kind, 60)}"
            self._tell("domain", Severity.MEDIUM, f"operator {what} needs a library that OpenVINO lacks", ("CWE-829",))

    def _constant(self, attributes: Attributes) -> None:
        try:
            offset, size = int(attributes["offset"]), int(attributes["size"])
            shape = [int(n) for n in attributes.get("shape", "").replace(",", " ").split()]
        except (KeyError, ValueError) as error:
            raise Broken("a constant has no place in the weights", self.document.parser.CurrentByteIndex) from error
        kind = attributes.get("element_type", "")
        bits = BITS.get(kind)
        if offset < 0 or size < 0 or (bits is not None and size != (volume(shape) * bits + 7) // 8):
            message = f"a constant of {printable(kind, 20)} {shape!r:.60} has {size} bytes at {offset}"
            raise Broken(message, self.document.parser.CurrentByteIndex)
        if bits is None and kind != "string":
            raise Broken(f"a constant is of type {printable(kind, 40)}", self.document.parser.CurrentByteIndex)
        if size:
            self.spans.add((offset, offset + size))

    def finish(self) -> None:
        """Claim the weights that lie beside the graph."""
        if self.root == "net" and self.spans:
            self.document.walk.when_met(self._claim)

    def _claim(self) -> None:
        walk, path = self.document.walk, self.document.path
        beside = (path.rpartition(".")[0] if path.endswith(".xml") else path) + ".bin"
        if path and files.size(walk, beside) is not None:
            walk.claimed.add(beside)
            self._account(beside)
        else:
            message = "its weights lie in a .bin beside it, which this digest does not cover"
            remedy = "scan the folder that holds both"
            self.document.tell("external", Severity.MEDIUM, message, ("CWE-353",), remedy, "openvino")

    def _account(self, beside: str) -> None:
        """Every byte of the weights belongs to a constant."""
        walk = self.document.walk
        data = files.contents(walk, beside)
        if beyond := [end for _, end in self.spans if end > len(data)]:
            what = f"constants are read up to byte {max(beyond)} of {printable(beside)!r}, which has {len(data)}"
            self._tell("size", Severity.HIGH, what, ("CWE-125",))
        for begin, end in files.unread(data, self.spans):
            what = f"bytes {begin} to {end} of {printable(beside)!r} belong to no constant"
            self._tell("unread", Severity.MEDIUM, what, ("CWE-506",), "convert the model again, and compare")
        files.look(walk, data, self.spans, beside)

    def _tell(
        self, rule: str, severity: Severity, message: str, references: tuple[str, ...], remedy: str = REMEDY
    ) -> None:
        self.document.tell(rule, severity, message, references, remedy, "openvino")
