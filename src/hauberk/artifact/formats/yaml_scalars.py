r"""YAML's scalars: plain, quoted, and block text, from a place in a source. Where readers differ, none of them.

The reference is PyYAML's scanner; tests hold this against it.

>>> double_quoted('"a\\x5fb"', 0)
('a_b', 8)
"""

from __future__ import annotations

import re

from .opcodes import Broken

ESCAPES = {"0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r",
           "e": "\x1b", " ": " ", '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0", "L": "\u2028",
           "P": "\u2029"}  # fmt: skip
WIDTHS = {"x": 2, "u": 4, "U": 8}
PLAIN_FIRST = frozenset(",[]{}#&*!|>'\"%@`")
"""Characters that never begin a plain scalar; `-`, `?` and `:` do when no space follows."""
DOUBLE = re.compile(r'[^"\\\n]+')
MARKER = re.compile(r"(?:---|\.\.\.)(?:[ \t\n]|$)")
BLOCK = re.compile(r"[|>](?:([+-])([1-9])?|([1-9])([+-])?)?[ ]*(?: #[^\n]*)?(?:\n|\Z)")


def fold(text: str) -> str:
    """Lines of a quoted or plain scalar joined as YAML folds them: one break is a space, more are breaks."""
    if "\n" not in text:
        return text
    first, *rest = text.split("\n")
    lines = [*(line.strip(" \t") for line in rest[:-1]), rest[-1].lstrip(" \t")]
    made, breaks = [first.rstrip(" \t")], 0
    for n, line in enumerate(lines):
        breaks += 1
        if line or n == len(lines) - 1:
            made += [" " if breaks == 1 else "\n" * (breaks - 1), line]
            breaks = 0
    return "".join(made)


def single_quoted(source: str, pos: int) -> tuple[str, int]:
    """The text of '…' and the place behind it. Raises Broken."""
    end = pos + 1
    while True:
        end = source.find("'", end)
        if end < 0:
            raise Broken("a quoted text does not end", pos)
        if source[end + 1 : end + 2] != "'":
            break
        end += 2
    body = source[pos + 1 : end]
    _no_marker(body, pos)
    return fold(body).replace("''", "'"), end + 1


def double_quoted(source: str, pos: int) -> tuple[str, int]:
    """The text of "…" and the place behind it. Raises Broken."""
    parts: list[str] = []
    start, pos = pos, pos + 1
    while True:
        if match := DOUBLE.match(source, pos):
            pos = match.end()
            parts.append(match[0].rstrip(" \t") if source[pos : pos + 1] == "\n" else match[0])
        char = source[pos : pos + 1]
        if char == '"':
            return "".join(parts), pos + 1
        if char == "\n":
            pos = _line_break(source, pos, parts)
        elif char == "\\":
            pos = _escape(source, pos + 1, parts)
        else:
            raise Broken("a quoted text does not end", start)


def _line_break(source: str, pos: int, parts: list[str]) -> int:
    end = pos
    while source[end : end + 1] in ("\n", " ", "\t") and end < len(source):
        if source[end] == "\n" and MARKER.match(source, end + 1):
            raise Broken("a document ends inside a quoted text", end)
        end += 1
    breaks = source.count("\n", pos, end)
    parts.append(" " if breaks == 1 else "\n" * (breaks - 1))
    return end


def _escape(source: str, pos: int, parts: list[str]) -> int:
    char = source[pos : pos + 1]
    if char in ESCAPES and char:
        parts.append(ESCAPES[char])
        return pos + 1
    if char == "\n":
        while source[pos : pos + 1] in ("\n", " ", "\t") and pos < len(source):
            pos += 1
        return pos
    digits = source[pos + 1 : pos + 1 + WIDTHS.get(char, 0)]
    if char not in WIDTHS or not re.fullmatch(f"[0-9A-Fa-f]{{{WIDTHS[char]}}}", digits) or int(digits, 16) > 0x10FFFF:
        raise Broken("a quoted text has an unknown escape", pos)
    parts.append(chr(int(digits, 16)))
    return pos + 1 + WIDTHS[char]


def _no_marker(body: str, pos: int) -> None:
    if "\n" in body and any(MARKER.match(body, m.end()) for m in re.finditer("\n", body)):
        raise Broken("a document ends inside a quoted text", pos)


def plain(source: str, pos: int, indent: int, *, flow: bool, lines: bool = True) -> tuple[str, int]:
    """A plain scalar whose further lines are indented deeper than `indent`, and the place behind it. Raises Broken."""
    if source[pos] in PLAIN_FIRST or (source[pos] in "-?:" and source[pos + 1 : pos + 2] in ("", " ", "\t", "\n")):
        raise Broken(f"{source[pos]!r} begins no value", pos)
    end = _plain_line(source, pos, flow)
    while lines and (found := _continues(source, end, indent)):
        begin = found
        if flow and source[begin] in ",[]{}":
            break
        if source[begin] in "-?:" and flow and source[begin + 1 : begin + 2] in ("", " ", "\n"):
            break
        stop = _plain_line(source, begin, flow)
        if stop == begin:
            break
        end = stop
    return fold(source[pos:end]), end


def _continues(source: str, end: int, indent: int) -> int:
    """Where the next line of a plain scalar begins; 0 when there is none."""
    match = CONTINUES.match(source, end)
    if match is None or match.end() >= len(source) or len(match[1]) <= indent:
        return 0
    if not match[1] and MARKER.match(source, match.end()):
        return 0
    return 0 if source[match.end()] in "#\t" else match.end()


CONTINUES = re.compile(r"[ ]*\n(?:[ ]*\n)*([ ]*)")
FLOW_STOP = re.compile(r"[,\[\]{}\n\t]| #|:(?=[ \t\n,\[\]{}]|\Z)")
BLOCK_STOP = re.compile(r"[\n\t]| #|:(?=[ \t\n]|\Z)")


def _plain_line(source: str, pos: int, flow: bool) -> int:
    match = (FLOW_STOP if flow else BLOCK_STOP).search(source, pos)
    end = match.start() if match else len(source)
    while end > pos and source[end - 1] == " ":
        end -= 1
    return end


def block_text(source: str, pos: int, indent: int) -> tuple[str, int]:
    """The text of `|` or `>` whose lines are indented deeper than `indent`, and the place behind it. Raises Broken."""
    match = BLOCK.match(source, pos)
    if match is None:
        raise Broken("a block text has an unknown header", pos)
    keep, given = match[1] or match[4] or "", match[2] or match[3]
    at, lines = match.end(), []
    depth = max(indent, 0) + int(given) if given else 0
    while at < len(source):
        end = source.find("\n", at)
        end = len(source) if end < 0 else end
        line = source[at:end]
        spaces = len(line) - len(line.lstrip(" "))
        if line.strip(" "):
            depth = depth or max(spaces, indent + 1)
            if spaces < depth:
                break
        lines.append(line[depth:] if depth else "")
        at = end + 1
    text = folded(lines) if source[pos] == ">" else "\n".join(lines)
    return (text if keep == "+" else text.rstrip("\n")), min(at, len(source))


def folded(lines: list[str]) -> str:
    """Lines of `>` joined: a break between two lines that begin with text is a space, all others stay."""
    parts: list[str] = []
    for n, line in enumerate(lines):
        parts.append(line)
        after = next((m for m in range(n + 1, len(lines)) if lines[m]), len(lines)) if line else n + 1
        if n + 1 == len(lines):
            break
        joins = line and after < len(lines) and line[0] not in " \t" and lines[after][0] not in " \t"
        parts.append(("" if after > n + 1 else " ") if joins else "\n")
    return "".join(parts)
