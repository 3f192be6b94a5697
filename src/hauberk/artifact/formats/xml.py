"""XML by expat, which here resolves nothing: PMML and OpenVINO are read by what their elements mean, SVG for scripts.

A document that declares an entity is refused where it does so: expansion and fetching begin there. The rest of a
document is data, in which scripts, handlers, inclusions and processing instructions are told. Costs one pass.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from ...core.nouns import Place, Severity
from ..walk import Walk, printable
from . import hidden, payload
from .opcodes import Broken

if TYPE_CHECKING:
    from pyexpat import XMLParserType

ROOT = re.compile(
    rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?\s*+(?:(?P<declared><\?xml\s)|"
    rb"(?>\s+|<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<![A-Z][^>\[]*+(?:\[[^\]]*+\]\s*)?>)*+"
    rb"<(?:[\w.-]+:)?(?:PMML|net|ie|CustomLayer)[\s/>])"
)
"""A declaration, or a root element that some loader of models asks for; other markup is text."""
HEAD = 1 << 16
WIDE = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")
ENCODINGS = frozenset(("utf-8", "utf8", "utf-16", "us-ascii", "ascii", "iso-8859-1", "latin-1", "latin1"))
"""What expat itself decodes; another name may mean other text to another reader."""
MAX_NESTING = 10_000
SVG, XHTML = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml"
INCLUDE, TRANSFORM = "http://www.w3.org/2001/XInclude", "http://www.w3.org/1999/XSL/Transform"
SHOWN = (SVG, XHTML)
ACTIVE = frozenset(("script", "iframe", "object", "embed", "foreignobject", "handler", "applet", "listener"))
RUNS = re.compile(r"\s*(?:javascript|vbscript)\s*:|\s*data\s*:\s*(?:text/html|image/svg|application/xhtml)", re.I)
LONG = 64
"""Shorter texts hide no file."""
REMEDY = "do not load this file; write it again without what is told here"
Attributes = dict[str, str]


class Kind(Protocol):
    """What reads a document of some kind, element by element."""

    def start(self, namespace: str, name: str, attributes: Attributes) -> None:
        """An element begins."""

    def end(self, name: str) -> None:
        """An element ends."""

    def finish(self) -> None:
        """The document has ended."""


class Stop(Exception):
    """Nothing more is read of this document: what matters was told."""


def sniff(data: memoryview) -> bool:
    """Whether this begins as XML: by its declaration, or by a root element of a model's."""
    head = bytes(data[:HEAD])
    head = head.replace(b"\0", b"") if head.startswith(WIDE) else head
    return ROOT.match(head) is not None


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Walk a document. Raises Broken for what is not well-formed."""
    walk.formats[path] = "xml"
    hidden.hidden(walk, data, path)
    Document(walk, path).read(data)


class Document:
    """Follows one document, and hands its elements to whatever reads its kind."""

    def __init__(self, walk: Walk, path: str) -> None:
        self.walk, self.path = walk, path
        self.depth, self.shown = 0, False
        self.text: list[str] = []
        self.kind: Kind | None = None
        self.told: set[str] = set()

    def read(self, data: memoryview) -> None:
        """Parse all of it. Raises Broken."""
        from pyexpat import ExpatError, ParserCreate

        self.parser = parser = ParserCreate(namespace_separator=" ")
        self._listen(parser)
        try:
            parser.Parse(data, True)
        except ExpatError as error:
            raise Broken(f"it is not well-formed: {error}", max(0, parser.ErrorByteIndex)) from error
        except Stop:
            return
        if self.kind is not None:
            self.kind.finish()

    def _listen(self, parser: XMLParserType) -> None:
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._entity
        parser.AttlistDeclHandler = self._attribute
        parser.ProcessingInstructionHandler = self._instruction
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self.text.append

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and encoding.lower() not in ENCODINGS:
            self.walk.skip(self.path or "the file", f"XML in the encoding {printable(encoding, 40)}")
            raise Stop

    def _doctype(self, name: str, system: str | None, public: str | None, internal: int) -> None:
        if system:
            message = f"its document type is described at {printable(system)!r}, which is not read here"
            self.tell("doctype", Severity.INFO, message, ("CWE-611",))

    def _attribute(self, element: str, name: str, kind: str, default: str | None, required: int) -> None:
        if default is not None:
            message = f"its document type gives {printable(element, 40)} an attribute that only some readers see"
            self.tell("doctype", Severity.MEDIUM, message, ("CWE-436",))

    def _entity(
        self, name: str, parameter: int, value: str | None, base: str | None, system: str | None, *_: str | None
    ) -> None:
        if system is not None:
            message = f"the entity {printable(name, 40)!r} makes readers fetch {printable(system)!r}"
        else:
            message = f"it declares the entity {printable(name, 40)!r}, which readers expand"
        self.tell("entity", Severity.HIGH, message, ("CWE-611", "CWE-776"))
        raise Stop

    def _instruction(self, target: str, text: str) -> None:
        severity = Severity.HIGH if target.lower() in ("php", "=") else Severity.MEDIUM
        message = f"it instructs its reader: {printable(f'{target} {text}', 80)}"
        self.tell("instruction", severity, message, ("CWE-829",))

    def _start(self, name: str, attributes: Attributes) -> None:
        namespace, _, local = name.rpartition(" ")
        self._flush(local)
        self.depth += 1
        if self.depth > MAX_NESTING:
            self.walk.skip(self.path or "the file", f"XML is nested more than {MAX_NESTING} deep")
            raise Stop
        if self.depth == 1:
            self._begin(namespace, local)
        self._active(namespace, local, attributes)
        for key, value in attributes.items():
            if len(value) > LONG:
                payload.look(self.walk, memoryview(value.encode("utf-8", "replace")), self.path, f"{local} {key}")
        if self.kind is not None:
            self.kind.start(namespace, local, attributes)

    def _end(self, name: str) -> None:
        local = name.rpartition(" ")[2]
        self._flush(local)
        self.depth -= 1
        if self.kind is not None:
            self.kind.end(local)

    def _begin(self, namespace: str, name: str) -> None:
        self.shown = name.lower() in ("svg", "html")
        if name == "PMML":
            from .pmml import Pmml

            self.kind = Pmml(self)
        elif name in ("net", "ie", "CustomLayer"):
            from .openvino import OpenVino

            self.kind = OpenVino(self, name)
        self.walk.formats[self.path] = {"PMML": "pmml", "net": "openvino", "svg": "svg"}.get(name, "xml")

    def _active(self, namespace: str, name: str, attributes: Attributes) -> None:
        """What a browser, or a reader of stylesheets, would run or fetch."""
        if namespace == INCLUDE:
            message = f"it includes {printable(attributes.get('href', ''))!r}"
            self.tell("include", Severity.HIGH, message, ("CWE-611",))
        elif namespace == TRANSFORM:
            self.tell("transform", Severity.HIGH, "it is a stylesheet, which is a program", ("CWE-94",))
        elif name.lower() in ACTIVE and (self.shown or namespace in SHOWN or name.lower() == "script"):
            self.tell("script", Severity.MEDIUM, f"it holds the element {printable(name, 40)}, which runs", ("CWE-79",))
        for key, value in attributes.items():
            local = key.rpartition(" ")[2].lower()
            handler = local.startswith("on") and (self.shown or namespace in SHOWN)
            if handler or (local in ("href", "src", "to", "from", "values", "action") and RUNS.match(value)):
                message = f"{printable(local, 40)} of {printable(name, 40)} is script: {printable(value, 60)}"
                self.tell("script", Severity.MEDIUM, message, ("CWE-79",))

    def _flush(self, name: str) -> None:
        if not self.text:
            return
        text = "".join(self.text).strip()
        self.text.clear()
        if len(text) > LONG:
            payload.look(self.walk, memoryview(text.encode("utf-8", "replace")), self.path, f"text at {name}")

    def tell(
        self,
        rule: str,
        severity: Severity,
        message: str,
        references: tuple[str, ...],
        remedy: str = REMEDY,
        kind: str = "xml",
    ) -> None:
        """Write a finding at the place that is read just now, once for each message."""
        if message in self.told:
            return
        self.told.add(message)
        place = Place(self.path, f"line {self.parser.CurrentLineNumber}")
        self.walk.flaw(f"artifact.{kind}.{rule}", severity, place, message, remedy, references)
