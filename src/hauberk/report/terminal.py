"""The report on a terminal: the verdict in the first line, then what must be done, then what was looked at.

Plain strings go through rich as `Text`, never as markup; escapes and bidi characters are made visible first.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import TYPE_CHECKING

from ..core.nouns import Dossier, Severity, Verdict
from .figures import count, elapsed
from .words import NOT_TESTED, Pair, clean, gist, grouped, place, reason, title, verdict_sentence, weaknesses

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.text import Text

MAX_RULES, MAX_PLACES = 20, 3
STYLES = {
    Verdict.BROKEN: "bold red", Verdict.INCONCLUSIVE: "bold yellow", Verdict.HELD: "bold green", NOT_TESTED: "dim",
    Severity.CRITICAL: "bold white on red", Severity.HIGH: "bold red", Severity.MEDIUM: "bold yellow",
    Severity.LOW: "bold cyan", Severity.INFO: "dim",
}  # fmt: skip


def render(dossier: Dossier, *, width: int = 100, color: bool = False) -> str:
    """The report as text of this width; with ANSI colours when asked."""
    from rich.console import Console

    out = StringIO()
    console = Console(
        file=out, width=width, force_terminal=color, no_color=not color, color_system="standard" if color else None,
        highlight=False, markup=False, emoji=False, legacy_windows=False,
    )  # fmt: skip
    console.print(renderable(dossier))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def renderable(dossier: Dossier) -> Group:
    """The same for a rich console."""
    from rich.console import Group

    return Group(*_parts(dossier))


def _text(*pieces: tuple[str, str] | str) -> Text:
    from rich.text import Text

    text = Text()
    for piece in pieces:
        words, style = (piece, "") if isinstance(piece, str) else piece
        text.append(clean(words, 1000), style=style)
    return text


def _parts(dossier: Dossier) -> Iterator[RenderableType]:
    yield _text((dossier.verdict.upper(), STYLES[dossier.verdict]), " ", verdict_sentence(dossier))
    groups = grouped(weaknesses(dossier))
    for group in groups[:MAX_RULES]:
        yield _finding(dossier, group)
    if len(groups) > MAX_RULES:
        yield _text("", f"{count(len(groups) - MAX_RULES, 'more rule')} in report.json")
    yield _checks(dossier)
    yield from _not_tested(dossier)


def _finding(dossier: Dossier, group: list[Pair]) -> RenderableType:
    from rich.console import Group
    from rich.padding import Padding

    first = group[0][1]
    head = _text((f" {first.severity} ", STYLES[first.severity]), " ", (first.rule, "bold"))
    lines: list[RenderableType] = [_text((place(dossier, f), "cyan"), f"  {f.message}") for _, f in group[:MAX_PLACES]]
    if len(group) > MAX_PLACES:
        lines.append(_text((f"and {count(len(group) - MAX_PLACES, 'more place')}", "dim")))
    if first.remedy:
        lines.append(_text(("do: ", "bold"), first.remedy))
    if first.references:
        lines.append(_text((", ".join(first.references), "dim")))
    return Group(_text(""), head, *(Padding(line, (0, 0, 0, 4)) for line in lines))


def _checks(dossier: Dossier) -> RenderableType:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False, title=None)
    for _ in range(4):
        table.add_column(overflow="fold")
    table.add_row("")
    for e in dossier.evidence:
        saw = "; ".join(part for part in (gist(e), reason(e)) if part)
        table.add_row(
            _text((e.verdict, STYLES[e.verdict])),
            _text(title(dossier, e.check)),
            _text(saw),
            _text((elapsed(e), "dim")),
        )
        for s in e.skipped[:5]:
            table.add_row("", "", _text(("skipped: ", "yellow"), f"{s.what}: {s.why}"), "")
    return table


def _not_tested(dossier: Dossier) -> Iterator[RenderableType]:
    if not dossier.not_tested:
        return
    yield _text("")
    yield _text((NOT_TESTED, "bold"))
    for one in dossier.not_tested:
        give = ("  give ", "dim") if one.give else ""
        yield _text("    ", title(dossier, one.check), f": {one.why}", give, (one.give, "cyan"))
