"""The report on a terminal: the verdict in the first line, then what must be done, then what was looked at.

Written by hand, not with a library for terminals: loading one would cost more than a scan. Escapes and bidi characters
are made visible first, then lines are wrapped, then colours are laid on.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from ..core.nouns import Dossier, Severity, Verdict
from .figures import count, elapsed
from .words import NOT_TESTED, Pair, clean, gist, grouped, place, reason, title, verdict_sentence, weaknesses

MAX_RULES, MAX_PLACES = 20, 3
INDENT = 4
STYLES = {
    Verdict.BROKEN: "1;31", Verdict.INCONCLUSIVE: "1;33", Verdict.HELD: "1;32", NOT_TESTED: "2",
    Severity.CRITICAL: "1;37;41", Severity.HIGH: "1;31", Severity.MEDIUM: "1;33", Severity.LOW: "1;36",
    Severity.INFO: "2",
}  # fmt: skip
"""SGR parameters of ECMA-48: 1 bold, 2 faint, 3x the colour, 4x its background."""
BOLD, DIM, CYAN, YELLOW = "1", "2", "36", "33"


class Piece(NamedTuple):
    """Words in one style, SGR parameters or ''."""

    words: str
    style: str = ""


class Row(NamedTuple):
    """A line to wrap: its pieces, how far it is indented, and how much further its second line is."""

    pieces: tuple[Piece, ...]
    indent: int = 0
    hang: int = 0


def render(dossier: Dossier, *, width: int = 100, color: bool = False) -> str:
    """The report as text of this width; with ANSI colours when asked."""
    lines = [line for row in _rows(dossier, width) for line in _wrapped(row, width, color)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _row(*pieces: Piece | str, indent: int = 0, hang: int = 0) -> Row:
    named = (Piece(piece) if isinstance(piece, str) else piece for piece in pieces)
    return Row(tuple(Piece(clean(words, 1000), style) for words, style in named if words), indent, hang)


def _rows(dossier: Dossier, width: int) -> Iterator[Row]:
    yield _row(Piece(dossier.verdict.upper(), STYLES[dossier.verdict]), " ", verdict_sentence(dossier))
    groups = grouped(weaknesses(dossier))
    for group in groups[:MAX_RULES]:
        yield from _finding(dossier, group)
    if len(groups) > MAX_RULES:
        yield _row(f"{count(len(groups) - MAX_RULES, 'more rule')} in report.json")
    yield _row("")
    yield from _checks(dossier, width)
    yield from _not_tested(dossier)


def _finding(dossier: Dossier, group: list[Pair]) -> Iterator[Row]:
    first = group[0][1]
    yield _row("")
    yield _row(Piece(f" {first.severity} ", STYLES[first.severity]), " ", Piece(first.rule, BOLD))
    for _, finding in group[:MAX_PLACES]:
        yield _row(Piece(place(dossier, finding), CYAN), f"  {finding.message}", indent=INDENT)
    if len(group) > MAX_PLACES:
        yield _row(Piece(f"and {count(len(group) - MAX_PLACES, 'more place')}", DIM), indent=INDENT)
    if first.remedy:
        yield _row(Piece("do: ", BOLD), first.remedy, indent=INDENT)
    if first.references:
        yield _row(Piece(", ".join(first.references), DIM), indent=INDENT)


def _checks(dossier: Dossier, width: int) -> Iterator[Row]:
    """One line a check, in columns as far as there is room; below it what it skipped."""
    lines = [
        (e, title(dossier, e.check), "; ".join(part for part in (gist(e), reason(e)) if part), elapsed(e))
        for e in dossier.evidence
    ]
    verdicts = max((len(e.verdict) for e in dossier.evidence), default=0) + 2
    titles = min(max((_cells(clean(name)) for _, name, _, _ in lines), default=0) + 2, width // 2)
    for e, name, saw, took in lines:
        head = (Piece(f"{e.verdict:<{verdicts}}", STYLES[e.verdict]), _padded(clean(name), titles))
        yield _row(*head, f"{saw}  ", Piece(took, DIM), hang=verdicts + titles)
        for s in e.skipped[:5]:
            yield _row(Piece("skipped: ", YELLOW), f"{s.what}: {s.why}", indent=verdicts)


def _not_tested(dossier: Dossier) -> Iterator[Row]:
    if dossier.not_tested:
        yield _row("")
        yield _row(Piece(NOT_TESTED, BOLD))
    for one in dossier.not_tested:
        give = ("  ", Piece("give ", DIM), Piece(one.give, CYAN)) if one.give else ()
        yield _row(f"{title(dossier, one.check)}: {one.why}", *give, indent=INDENT)


def _padded(text: str, width: int) -> str:
    return text + " " * max(2, width - _cells(text))


def _cells(text: str) -> int:
    """Columns that a text takes; East Asian wide characters take two, marks that combine none.

    >>> _cells("model"), _cells("模型")
    (5, 4)
    """
    return len(text) if text.isascii() else sum(_cell(c) for c in text)


def _cell(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _wrapped(row: Row, width: int, color: bool) -> Iterator[str]:
    """The row in lines of at most `width` columns, broken at spaces where there are any."""
    indent, room = row.indent, max(width - row.indent, 20)
    line: list[Piece] = []
    for piece in (word for whole in row.pieces for word in _words(whole, room)):
        used = sum(_cells(part.words) for part in line)
        if used and used + _cells(piece.words.rstrip(" ")) > room:
            yield " " * indent + _painted(line, color)
            indent, room = row.indent + row.hang, max(width - row.indent - row.hang, 20)
            line, piece = [], Piece(piece.words.lstrip(" "), piece.style)  # noqa: PLW2901
        line.append(piece)
    yield " " * indent + _painted(line, color)


def _painted(line: list[Piece], color: bool) -> str:
    runs = [(style, "".join(p.words for p in run)) for style, run in groupby(line, key=lambda p: p.style)]
    return "".join(f"\x1b[{style}m{words}\x1b[0m" if color and style else words for style, words in runs)


def _words(piece: Piece, room: int) -> Iterator[Piece]:
    """A piece as words, each with the spaces behind it; one that no line can hold is cut."""
    word = ""
    for character in piece.words:
        if (word.endswith(" ") and character != " " and word.strip()) or _cells(word) + _cell(character) > room:
            yield Piece(word, piece.style)
            word = ""
        word += character
    if word:
        yield Piece(word, piece.style)
