"""report.md: for merge requests and wikis. Nothing in a dossier can become markup, a link or a mention."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..core.nouns import Dossier, Evidence
from .figures import amount, count, elapsed, ends, label, moment, number
from .words import (
    NOT_TESTED,
    Pair,
    clean,
    gist,
    give,
    grouped,
    place,
    reason,
    tally,
    title,
    verdict_sentence,
    weaknesses,
)

MAX_RULES, MAX_PLACES, MAX_NUMBERS = 100, 10, 200
_SPECIAL = re.compile(r"[\\`*_\[\]|~$]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;", ":": "&#58;"}


def escape(text: str) -> str:
    """Text that Markdown shows as it is, in a table as elsewhere.

    >>> escape("<b> *x* | @all https://evil.example")
    '&lt;b&gt; \\\\*x\\\\* \\\\| &#64;all https&#58;//evil.example'
    """
    out = _SPECIAL.sub(r"\\\g<0>", clean(text, 1000))
    out = re.sub(r"[&<>@]|:(?=//|[a-z_]+:)", lambda m: _ENTITIES[m.group()], out)
    return re.sub(r"\bwww\.", "www&#46;", out, flags=re.IGNORECASE)


def code(text: str) -> str:
    """Text in a code span: no backtick, pipe or line break can end it."""
    shown = clean(text, 1000).replace("`", "'").replace("|", "\\|")
    return f"`{shown}`" if shown.strip() else ""


def render(dossier: Dossier) -> str:
    """The dossier as GitHub-flavoured Markdown."""
    parts = [
        f"# {escape(dossier.name)}: {dossier.verdict}", f"**{escape(verdict_sentence(dossier))}**", _plate(dossier),
        "## What must be done", *_findings(dossier), "## What was tested, and what was not", _coverage(dossier),
        *_measurements(dossier), "## Verify this yourself", _verify(dossier),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


def _plate(dossier: Dossier) -> str:
    pairs = [(role, f"{escape(s.name)} {code(s.digest)}") for role, s in dossier.subjects.items()]
    pairs += [
        ("audited", escape(moment(dossier.created))), ("signed by", code(dossier.signer) or "nobody"),
        ("findings", tally(f for _, f in dossier.findings)),
        *((name, escape(value)) for name, value in dossier.facts.items()),
    ]  # fmt: skip
    return _table(("", ""), [(escape(name), value) for name, value in pairs])


def _findings(dossier: Dossier) -> list[str]:
    groups = grouped(weaknesses(dossier))
    lines = [_group(dossier, group) for group in groups[:MAX_RULES]]
    if len(groups) > MAX_RULES:
        lines.append(f"{count(len(groups) - MAX_RULES, 'more rule')} in report.json.")
    return lines or ["No check found a weakness." if dossier.evidence else "No check was run."]


def _group(dossier: Dossier, group: list[Pair]) -> str:
    first, rest = group[0][1], len(group) - MAX_PLACES
    lines = [f"- **{first.severity}** {code(first.rule)}"]
    lines += [f"  - {code(place(dossier, f))}: {escape(f.message)}" for _, f in group[:MAX_PLACES]]
    lines += [f"  - and {count(rest, 'more place')} in report.json"] if rest > 0 else []
    lines += [f"  - **Do:** {escape(first.remedy)}"] if first.remedy else []
    lines += [f"  - {escape(', '.join(first.references))}"] if first.references else []
    return "\n".join(lines)


def _coverage(dossier: Dossier) -> str:
    rows = [(*_named(dossier, e.check), f"**{e.verdict}**", _saw(e)) for e in dossier.evidence]
    rows += [(*_named(dossier, n.check), f"_{NOT_TESTED}_", escape(n.why + give(n))) for n in dossier.not_tested]
    return _table(("check", "id", "verdict", "what it saw, or needs"), rows) if rows else "No check was planned."


def _named(dossier: Dossier, check: str) -> tuple[str, str]:
    return escape(title(dossier, check)), code(check)


def _saw(evidence: Evidence) -> str:
    parts = [escape(part) for part in (gist(evidence), reason(evidence), elapsed(evidence)) if part]
    parts += [f"skipped: {escape(s.what)}: {escape(s.why)}" for s in evidence.skipped[:20]]
    return "<br>".join(parts)


def _measurements(dossier: Dossier) -> list[str]:
    measured = [(e, m) for e in dossier.evidence for m in e.measurements]
    rows = [
        (code(e.check), escape(label(m)), escape(amount(m)), escape(ends(m) or "exact"), number(m.n), escape(m.method))
        for e, m in measured[:MAX_NUMBERS]
    ]
    if not rows:
        return []
    rest = len(measured) - MAX_NUMBERS
    table = _table(("check", "what", "value", "interval", "n", "how"), rows)
    return ["## Measurements", table, f"{rest:,} more are in report.json." if rest > 0 else ""]


def _verify(dossier: Dossier) -> str:
    lines = ["- `hauberk verify dossier/ --key hauberk.pub`"]
    lines += [f"- {escape(name)}: {code(s.digest)}" for name, s in dossier.subjects.items()]
    lines += [f"- the same audit again: {code(dossier.command)}"] if dossier.command else []
    return "\n".join(lines)
