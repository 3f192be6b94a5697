"""YAML's flow collections, and the scalars and aliases that stand on one line with their key."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from .opcodes import Broken
from .yaml_scalars import MARKER, double_quoted, plain, single_quoted
from .yaml_source import CONSTANTS, MAX_DEPTH, Source, Tag

WORD = re.compile(r" *([\w./][\w./+-]*) *,")
"""A word of a list that a comma ends."""


class Flow(Source):
    """Reads what is not laid out by indentation."""

    def _inline(self, indent: int) -> Any:
        char = self.source[self.pos]
        if char == "*":
            return self._alias()
        if char in "[{":
            return self._flow(indent)
        if char == '"':
            text, self.pos = double_quoted(self.source, self.pos)
            return text
        if char == "'":
            text, self.pos = single_quoted(self.source, self.pos)
            return text
        text, self.pos = plain(self.source, self.pos, indent, flow=False)
        return CONSTANTS.get(text, text)

    def _flow(self, indent: int) -> Any:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Broken("values are nested too deeply", self.pos)
        opening = self.source[self.pos]
        self.pos += 1
        made = self._flow_items("]" if opening == "[" else "}", indent)
        self.depth -= 1
        return [value for _, value in made] if opening == "[" else self._pairs(made)

    def _pairs(self, made: list[tuple[Any, Any]]) -> dict[str, Any]:
        keys = [str(key) for key, _ in made]
        self.found.twice += [key for key, count in Counter(keys).items() if count > 1]
        return {key: value for key, (_, value) in zip(keys, made, strict=True)}

    def _flow_items(self, end: str, indent: int) -> list[tuple[Any, Any]]:
        made: list[tuple[Any, Any]] = []
        while True:
            while end == "]" and (match := WORD.match(self.source, self.pos)):
                self.count()
                made.append((None, CONSTANTS.get(match[1], match[1])))
                self.pos = match.end()
            self._flow_space(indent)
            if self.source[self.pos] == end:
                self.pos += 1
                return made
            made.append(self._flow_item(end, indent))
            self._flow_space(indent)
            if self.source[self.pos] == ",":
                self.pos += 1
            elif self.source[self.pos] != end:
                raise Broken("a comma is missing", self.pos)

    def _flow_item(self, end: str, indent: int) -> tuple[Any, Any]:
        if self._at("?"):
            raise Broken("a key that is no scalar", self.pos)
        value = self._flow_value(indent)
        self._flow_space(indent)
        follows = self.source[self.pos : self.pos + 2]
        if not follows.startswith(":"):
            return (value, None) if end == "}" else (None, value)
        if isinstance(value, dict | list) or not (follows[1:] in ("", " ", "\n", *",[]{}") or end == "}"):
            raise Broken("a key that is no scalar", self.pos)
        self.pos += 1
        self._flow_space(indent)
        other = None if self.source[self.pos] in ",]}" else self._flow_value(indent)
        return (value, other) if end == "}" else (None, {str(value): other})

    def _flow_value(self, indent: int) -> Any:
        before, anchor, tags = self.weight, "", list[Tag]()
        self.count()
        while match := self._property():
            anchor = match if match[0] == "&" else anchor
            tags += [Tag(match, self.pos)] if match[0] != "&" else []
            self._flow_space(indent)
        char = self.source[self.pos]
        if char in ",]}":
            return self._keep(None, anchor, tags, before)
        if char in "[{*\"'":
            return self._keep(self._inline(indent), anchor, tags, before)
        text, self.pos = plain(self.source, self.pos, -1, flow=True)
        return self._keep(CONSTANTS.get(text, text), anchor, tags, before)

    def _flow_space(self, indent: int) -> None:
        self._to_token()
        if self.pos >= len(self.source) or (self.column() == 0 and MARKER.match(self.source, self.pos)):
            raise Broken("a flow collection does not end", self.pos)
