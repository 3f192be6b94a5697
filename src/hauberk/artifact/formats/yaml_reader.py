r"""YAML, as much of it as configurations use: a reader that refuses what it does not know rather than guess.

Gives plain values (dict, list, str, bool, None), the tags that were met, and keys that stand twice. A collection
behind an alias is an empty one of its kind, for it is read where its anchor stands: no alias bomb expands here.

>>> read_yaml("a: [1, 'b']\nc: !x {d: ~}\n").value
{'a': ['1', 'b'], 'c': {'d': None}}
"""

from __future__ import annotations

import re
from typing import Any

from .opcodes import Broken
from .yaml_flow import Flow
from .yaml_scalars import MARKER, block_text, double_quoted, plain, single_quoted
from .yaml_source import (
    CONSTANTS,
    CORE,
    DIRECTIVE,
    MAX_DEPTH,
    MAX_WEIGHT,
    ODD_BREAK,
    SPACE,
    Document,
    NoYaml,
    Tag,
)

PAIR = re.compile(r"([A-Za-z_][\w.-]*): +(?:([\w./][^\n\t#:]*)|'([^'\n]*)' *|\"([^\"\\\n]*)\" *)\n( *)(?=[A-Za-z_])")
ITEM = re.compile(r"- +([\w./][^\n\t#:]*)\n( *)(?=- )")
"""A pair and an item of one line that nothing can follow up: the next line has its own beginning."""


def read_yaml(source: str) -> Document:
    """Read every document of a stream. Raises Broken for what this subset does not know."""
    if match := ODD_BREAK.search(source):
        raise Broken("a line break that readers of YAML do not agree on", match.start())
    reader = Reader(source.replace("\r\n", "\n").removeprefix("\ufeff"))
    values = list(reader.documents())
    reader.found.documents = len(values)
    reader.found.value = values[0] if len(values) == 1 else values
    reader.found.bomb = reader.weight > MAX_WEIGHT
    return reader.found


class Reader(Flow):
    """Reads nodes by indentation, as PyYAML's scanner and parser together."""

    def documents(self) -> list[Any]:
        """The values of all documents."""
        values: list[Any] = []
        while True:
            self.handles = {"!": "!", "!!": CORE}
            explicit = self._directives()
            if self.pos >= len(self.source) and not explicit:
                return values
            self.anchors = {}
            values.append(self.node(-1))
            self._to_token()
            if self.pos >= len(self.source):
                return values
            if not (self.column() == 0 and MARKER.match(self.source, self.pos)):
                raise Broken("something follows the document", self.pos)
            if self.source.startswith("...", self.pos):
                self.pos += 3
                self._end_of_line()

    def _directives(self) -> bool:
        self._to_token()
        while self.column() == 0 and (match := DIRECTIVE.match(self.source, self.pos)):
            words = match[2].split()
            if match[1] == "TAG" and len(words) == 2:
                self.handles[words[0]] = words[1]
            elif match[1] != "YAML":
                raise Broken("a directive is not known", self.pos)
            self.pos = match.end()
            self._to_token()
        if self.source.startswith("---", self.pos) and self.column() == 0 and MARKER.match(self.source, self.pos):
            self.pos += 3
            return True
        return False

    # nodes

    def node(self, indent: int, *, sequence: bool = False) -> Any:
        """A block node deeper than `indent`; sequence: one may stand at `indent` itself, as below a key."""
        self.depth += 1
        self.count()
        if self.depth > MAX_DEPTH:
            raise Broken("values are nested too deeply", self.pos)
        try:
            return self._node(indent, sequence)
        finally:
            self.depth -= 1

    def _node(self, indent: int, sequence: bool) -> Any:
        line, before = self._line(), self.weight
        self._to_token()
        anchor, tags, start = "", list[Tag](), self.pos
        while match := self._property():
            anchor = match if match[0] == "&" else anchor
            tags += [Tag(match, start)] if match[0] != "&" else []
            self._to_token()
        column = self.column()
        own = self.column(start) if self._line(start) == self._line() else column
        if self._nothing(column, indent, sequence, line):
            return self._keep(None, anchor, tags, before)
        value = self._content(indent, column, own, bool(anchor or tags), start)
        return self._keep(value, anchor, tags, before)

    def _nothing(self, column: int, indent: int, sequence: bool, line: int) -> bool:
        if self.pos >= len(self.source) or (column == 0 and MARKER.match(self.source, self.pos)):
            return True
        if self._line() == line:
            return False
        return column <= indent and not (sequence and column == indent and self._at("-"))

    def _content(self, indent: int, column: int, own: int, marked: bool, start: int) -> Any:
        char = self.source[self.pos]
        if self._at("-"):
            return self._sequence(column)
        if self._at("?"):
            raise Broken("a key that is no scalar", self.pos)
        if char in "|>":
            text, self.pos = block_text(self.source, self.pos, indent)
            return text
        if self._is_key():
            if marked and self._line(start) == self._line():
                self.pos = start  # what stands before the key belongs to the key
                return self._mapping(own)
            return self._mapping(column)
        value = self._inline(indent)
        self._end_of_line()
        return value

    def _is_key(self) -> bool:
        """Whether a scalar of one line with a colon behind it stands here."""
        here = self.pos
        try:
            self._key_text()
            return self._at(":") and self._line(here) == self._line()
        except Broken:
            return False
        finally:
            self.pos = here

    def _key_text(self) -> str:
        char = self.source[self.pos : self.pos + 1]
        if char == '"':
            text, self.pos = double_quoted(self.source, self.pos)
        elif char == "'":
            text, self.pos = single_quoted(self.source, self.pos)
        elif char == "*":
            text = str(self._alias())
        elif char in ("", "\n"):
            raise Broken("a key is missing", self.pos)
        else:
            text, self.pos = plain(self.source, self.pos, 0, flow=False, lines=False)
        while self.source[self.pos : self.pos + 1] in (" ", "\t"):
            self.pos += 1
        return text

    def _mapping(self, column: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        while True:
            self._simple_pairs(made, column)
            tags: list[Tag] = []
            while match := self._property():
                tags += [Tag(match, self.pos)] if match[0] != "&" else []
                self._to_token()
            key = self._key_text()
            self._keep(key, "", tags, self.weight)
            if not self._at(":"):
                raise Broken("a key has no value", self.pos)
            self.pos += 1
            if key in made and key != "<<":
                self.found.twice.append(key)
            value = self._value(column)
            if key not in made or not isinstance(made[key], dict | list):
                made[key] = value
            else:
                made[key] = [made[key], value]
            self._to_token()
            if self.pos >= len(self.source) or self.column() != column or MARKER.match(self.source, self.pos):
                self._outside(column)
                return made

    def _simple_pairs(self, made: dict[str, Any], column: int) -> None:
        """Lines of `key: word` in a row, the most common by far, as the general way would read them."""
        while (match := PAIR.match(self.source, self.pos)) and len(match[5]) == column:
            key, word = match[1], match[2]
            if key in made:
                return
            self.count()
            quoted = match[3] if match[4] is None else match[4]
            made[key] = quoted if word is None else CONSTANTS.get(word.rstrip(" "), word.rstrip(" "))
            self.pos = match.end()

    def _value(self, column: int) -> Any:
        match = SPACE.match(self.source, self.pos)
        if match is None:
            self._to_token()
            return self._after_colon(column)
        return self.node(column, sequence=True)

    def _after_colon(self, column: int) -> Any:
        if self._at("-", "?"):
            raise Broken("a collection begins behind a key", self.pos)
        if self.source[self.pos] in "&!":
            return self.node_behind(column)
        if self._is_key() and self.source[self.pos] not in "[{":
            raise NoYaml("two keys on one line", self.pos)
        return self.node(column)

    def node_behind(self, column: int) -> Any:
        """A node with properties, on the key's line or below it."""
        here = self.pos
        while self._property():
            self._skip_spaces()
        below = SPACE.match(self.source, self.pos) is not None
        if not below and self._is_key():
            raise NoYaml("two keys on one line", self.pos)
        self.pos = here
        return self.node(column, sequence=below)

    def _skip_spaces(self) -> None:
        while self.source[self.pos : self.pos + 1] in (" ", "\t"):
            self.pos += 1

    def _outside(self, column: int) -> None:
        if self.pos < len(self.source) and self.column() > column:
            raise Broken("a line is indented deeper than its neighbours", self.pos)

    def _sequence(self, column: int) -> list[Any]:
        made: list[Any] = []
        while self._at("-") and self.column() == column:
            while (match := ITEM.match(self.source, self.pos)) and len(match[2]) == column:
                text = match[1].rstrip(" ")
                self.count()
                made.append(CONSTANTS.get(text, text))
                self.pos = match.end()
            self.pos += 1
            made.append(self.node(column))
            self._to_token()
        self._outside(column)
        return made
