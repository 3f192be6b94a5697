"""A YAML source and the place in it: columns, spaces, and what stands before a node: tags, anchors, aliases."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any

from .opcodes import Broken

MAX_DEPTH = 60
MAX_WEIGHT = 1_000_000
"""Nodes that a document may have once its aliases are expanded."""
MAX_NODES = 500_000
CORE = "tag:yaml.org,2002:"
CONSTANTS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None, "true": True, "True": True, "TRUE": True,
    "yes": True, "Yes": True, "YES": True, "on": True, "On": True, "ON": True, "false": False, "False": False,
    "FALSE": False, "no": False, "No": False, "NO": False, "off": False, "Off": False, "OFF": False,
}  # fmt: skip
SPACE = re.compile(r"[ \t]*(?:#[^\n]*)?(?=\n|\Z)")
PROPERTY = re.compile(r"(&)([^\s,\[\]{}]+)|!<([^>\s]*)>|(![\w-]*!|!)([^\s,\[\]{}]*)")
BLANKS, TABS = re.compile(r"[ ]*"), re.compile(r"[ \t]*")
ALIAS = re.compile(r"\*([^\s,\[\]{}:]+)")
DIRECTIVE = re.compile(r"%(\w+)([^\n]*)(?:\n|\Z)")
ODD_BREAK = re.compile("[\x85\u2028\u2029]|\r(?!\n)")


class NoYaml(Broken):
    """What no reader of YAML takes for YAML."""


@dataclass
class Tag:
    """A tag in full, where it stands, and the scalar that it is on ('' for a collection)."""

    name: str
    at: int
    value: str = ""


@dataclass
class Document:
    """What was read. value: a list of documents when there are several. bomb: aliases expand without measure."""

    value: Any = None
    tags: list[Tag] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    bomb: bool = False
    documents: int = 0


class Source:
    """What block and flow collections have in common."""

    def __init__(self, source: str) -> None:
        self.source, self.pos, self.depth = source, 0, 0
        self.found = Document()
        self.handles: dict[str, str] = {}
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.weight = self.nodes = 0
        self.lines = [0, *(match.end() for match in re.finditer("\n", source))]

    def count(self) -> None:
        """One more node. Raises Broken beyond MAX_NODES."""
        self.weight, self.nodes = self.weight + 1, self.nodes + 1
        if self.nodes > MAX_NODES:
            raise Broken(f"it has more than {MAX_NODES} values", self.pos)

    def column(self, pos: int | None = None) -> int:
        """How far a place stands in its line."""
        at = self.pos if pos is None else pos
        return at - self.lines[bisect_right(self.lines, at) - 1]

    def _line(self, pos: int | None = None) -> int:
        return bisect_right(self.lines, self.pos if pos is None else pos)

    def _to_token(self) -> None:
        """Over spaces, comments and line breaks. Raises Broken for a tab that indents."""
        while True:
            fresh = self.column() == 0
            self.pos = _past(BLANKS, self.source, self.pos)
            if self.source[self.pos : self.pos + 1] == "\t":
                tabs = _past(TABS, self.source, self.pos)
                if fresh and self.source[tabs : tabs + 1] not in ("", "\n", "#"):
                    raise Broken("a tab indents", self.pos)
                self.pos = tabs
            if self.source[self.pos : self.pos + 1] == "#":
                end = self.source.find("\n", self.pos)
                self.pos = len(self.source) if end < 0 else end
            if self.source[self.pos : self.pos + 1] != "\n":
                return
            self.pos += 1

    def _end_of_line(self) -> None:
        match = SPACE.match(self.source, self.pos)
        if match is None:
            raise Broken("something follows a value on its line", self.pos)
        self.pos = match.end()

    def _at(self, *indicators: str) -> bool:
        """Whether one of `- ? :` stands here with a space behind it."""
        return self.source[self.pos : self.pos + 1] in indicators and self.source[self.pos + 1 : self.pos + 2] in (
            "", " ", "\t", "\n",
        )  # fmt: skip

    def _property(self) -> str:
        """'&name', or a tag in full; '' when neither stands here. Raises Broken."""
        if self.source[self.pos : self.pos + 1] not in ("&", "!"):
            return ""
        match = PROPERTY.match(self.source, self.pos)
        if match is None or self.source[match.end() : match.end() + 1] not in ("", " ", "\t", "\n", *",]}"):
            raise Broken("a tag or an anchor is not understood", self.pos)
        self.pos = match.end()
        if match[1]:
            return "&" + match[2]
        if match[3] is not None:
            return decoded(match[3])
        if match[4] not in self.handles:
            raise Broken("a tag has an unknown handle", match.start())
        return decoded(self.handles[match[4]] + match[5])

    def _keep(self, value: Any, anchor: str, tags: list[Tag], before: int) -> Any:
        for tag in tags:
            tag.value = value if isinstance(value, str) else ""
            self.found.tags.append(tag)
        if anchor:
            self.anchors[anchor[1:]] = (value, self.weight - before + 1)
        return value

    def _alias(self) -> Any:
        match = ALIAS.match(self.source, self.pos)
        if match is None or match[1] not in self.anchors:
            raise Broken("an alias names nothing that stands before it", self.pos)
        self.pos = match.end()
        value, size = self.anchors[match[1]]
        self.weight = min(self.weight + size, 1 << 62)
        return type(value)() if isinstance(value, dict | list) else value


def decoded(tag: str) -> str:
    """A tag with its percent escapes decoded, as PyYAML reads it."""
    if "%" not in tag:
        return tag
    from urllib.parse import unquote

    return unquote(tag)


def _past(pattern: re.Pattern[str], source: str, pos: int) -> int:
    match = pattern.match(source, pos)
    return match.end() if match else pos
