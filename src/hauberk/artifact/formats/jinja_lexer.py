"""Jinja templates in tokens: text, statements and expressions, as Jinja's own lexer splits them.

Source of the rules: jinja2/lexer.py of Jinja 3.1 with its default delimiters and no line statements.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from .opcodes import Broken

OPENING = re.compile(r"\{[%{#]")
CLOSING = {"{%": re.compile(r"[-+]?%\}"), "{{": re.compile(r"-?\}\}"), "{#": re.compile(r"[-+]?#\}")}
RAW = re.compile(r"\{%[-+]?\s*raw\s*-?%\}")
ENDRAW = re.compile(r"\{%[-+]?\s*endraw\s*[-+]?%\}")
TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<float>(?<!\.)\d(?:_?\d)*(?:\.\d(?:_?\d)*(?:[eE][+-]?\d(?:_?\d)*)?|[eE][+-]?\d(?:_?\d)*))"
    r"|(?P<integer>0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[0-9a-fA-F])+|[1-9](?:_?\d)*|0(?:_?0)*)"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<string>'[^'\\]*(?:\\[\s\S][^'\\]*)*'|\"[^\"\\]*(?:\\[\s\S][^\"\\]*)*\")"
    r"|(?P<operator>//|\*\*|[=!<>]=|[-+*/%~\[\](){}<>=.:|,;])"
)


@dataclass(frozen=True)
class Token:
    """kind: text, begin, end, statement, expression, name, integer, float, string, operator. at: in the source."""

    kind: str
    text: str
    at: int


def tokens(source: str) -> Iterator[Token]:
    """Every token; `begin` and `end` stand around the tokens of one statement (`{%`) or expression (`{{`).

    Raises Broken where Jinja would not read on.
    """
    pos = 0
    while match := OPENING.search(source, pos):
        if match.start() > pos:
            yield Token("text", source[pos : match.start()], pos)
        opening = match[0]
        if opening == "{#":
            pos = _past(CLOSING[opening], source, match.end())
        elif opening == "{%" and (raw := RAW.match(source, match.start())):
            end = ENDRAW.search(source, raw.end())
            if end is None and raw.end() == len(source):
                return
            if end is None:
                raise Broken("a raw block does not end", raw.end())
            yield Token("text", source[raw.end() : end.start()], raw.end())
            pos = end.end()
        else:
            yield Token("begin", opening, match.start())
            pos = yield from _code(source, match.end(), CLOSING[opening])
            yield Token("end", opening, pos)
    if pos < len(source):
        yield Token("text", source[pos:], pos)


def _code(source: str, pos: int, closing: re.Pattern[str]) -> Generator[Token, None, int]:
    """Yield the tokens up to the closing delimiter. Returns the position behind it."""
    pos += 1 if source[pos : pos + 1] in ("-", "+") else 0
    balance: list[str] = []
    while True:
        if not balance and (end := closing.match(source, pos)):
            return end.end()
        match = TOKEN.match(source, pos)
        if match is None:
            raise Broken(f"{source[pos : pos + 1]!r} is no token of Jinja", pos)
        kind, text = match.lastgroup or "", match[0]
        if kind == "operator":
            _balance(balance, text, pos)
        if kind != "space":
            yield Token(kind, value_of(text) if kind == "string" else _named(text) if kind == "name" else text, pos)
        pos = match.end()


def _named(name: str) -> str:
    """A name as Python has it, into which Jinja compiles templates: `ｋ` and `k` are one variable."""
    if name.isascii():
        return name
    import unicodedata

    return unicodedata.normalize("NFKC", name)


def _balance(balance: list[str], text: str, pos: int) -> None:
    if text in "([{":
        balance.append({"(": ")", "[": "]", "{": "}"}[text])
    elif text in ")]}" and (not balance or balance.pop() != text):
        raise Broken(f"{text!r} closes nothing", pos)


def value_of(literal: str) -> str:
    r"""The text that a quoted literal stands for: Jinja decodes Python's escapes.

    >>> value_of(r"'\x5f_a'")
    '__a'
    """
    body = literal[1:-1]
    if "\\" not in body:
        return body
    try:
        return body.encode("ascii", "backslashreplace").decode("unicode-escape")
    except UnicodeDecodeError as error:
        raise Broken("a text has a broken escape") from error


def _past(closing: re.Pattern[str], source: str, pos: int) -> int:
    match = closing.search(source, pos)
    if match is None:
        raise Broken("a comment does not end", pos)
    return match.end()


class Tokens:
    """The tokens of one statement or expression, taken one by one."""

    def __init__(self, found: list[Token]) -> None:
        self.tokens, self.pos, self.depth = found, 0, 0

    @property
    def at(self) -> int:
        """Where in the source the next token stands."""
        return self.tokens[min(self.pos, len(self.tokens) - 1)].at if self.tokens else 0

    def peek(self, kind: str, *texts: str, ahead: int = 0) -> bool:
        """Whether the next token is of a kind, and one of some texts."""
        at = self.pos + ahead
        return at < len(self.tokens) and self.tokens[at].kind == kind and (not texts or self.tokens[at].text in texts)

    def take(self, kind: str, *texts: str) -> Token | None:
        """The next token if it fits."""
        if not self.peek(kind, *texts):
            return None
        self.pos += 1
        return self.tokens[self.pos - 1]

    def need(self, kind: str, *texts: str) -> Token:
        """The next token, which must fit. Raises Broken."""
        found = self.take(kind, *texts)
        if found is None:
            raise Broken(f"expected {texts[0] if texts else kind!r}", self.at)
        return found

    def done(self) -> None:
        """Raise Broken unless every token was read."""
        if self.pos < len(self.tokens):
            raise Broken(f"{self.tokens[self.pos].text!r} was not expected", self.at)
