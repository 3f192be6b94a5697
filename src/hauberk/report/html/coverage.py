"""The coverage matrix: every check by verdict, and what was not looked at in plain sight."""

from __future__ import annotations

from ...core.nouns import Dossier, Evidence, NotTested, Verdict
from ..figures import elapsed
from ..words import NOT_TESTED, gist, reason, title
from .markup import Markup, join, tag
from .tables import left_out

COLUMNS = (*Verdict, NOT_TESTED)
SIGNS = {Verdict.BROKEN: "✕", Verdict.INCONCLUSIVE: "?", Verdict.HELD: "✓", NOT_TESTED: "○"}
MAX_SKIPPED = 30


def badge(verdict: str, *, words: bool = True) -> Markup:
    """A verdict as a sign and a word: never by colour alone."""
    sign = tag("span", SIGNS[verdict], class_="sign", aria_hidden="true" if words else None)
    return tag("span", sign, verdict if words else None, class_=f"badge {verdict.replace(' ', '-')}")


def chain(dossier: Dossier) -> Markup:
    """Every check as one link of a chain, in the order of the audit; an index into the evidence."""
    links = [_link(title(dossier, e.check), e.verdict, f"#e{i}") for i, e in enumerate(dossier.evidence, 1)]
    links += [_link(title(dossier, n.check), NOT_TESTED, "#coverage") for n in dossier.not_tested]
    return tag("ol", *(tag("li", link) for link in links), class_="chain", aria_label="Every check by verdict")


def _link(name: str, verdict: str, to: str) -> Markup:
    sign = tag("span", SIGNS[verdict], aria_hidden="true")
    style = f"link {verdict.replace(' ', '-')}"
    return tag("a", sign, name, href=to, class_=style, title=verdict, aria_label=f"{name}: {verdict}")


def matrix(dossier: Dossier) -> Markup:
    """The table: one row a check, one column a verdict."""
    heads = [tag("th", "Check", scope="col"), *(tag("th", c, scope="col", class_="v") for c in COLUMNS)]
    head = tag("tr", *heads, tag("th", "What it saw, or needs", scope="col"))
    rows = [_run(dossier, e, i) for i, e in enumerate(dossier.evidence, 1)]
    rows += [_missing(dossier, n) for n in dossier.not_tested]
    return tag("table", tag("thead", head), tag("tbody", join(rows)), class_="matrix")


def _row(name: object, check: str, verdict: str, note: object) -> Markup:
    cells = [tag("td", badge(verdict) if c == verdict else None, class_="v") for c in COLUMNS]
    return tag("tr", tag("th", name, tag("code", check), scope="row"), *cells, tag("td", note, class_="note"))


def _run(dossier: Dossier, evidence: Evidence, i: int) -> Markup:
    parts = [gist(evidence) or None, reason(evidence), elapsed(evidence)]
    skipped = [tag("li", tag("b", s.what), f": {s.why}") for s in evidence.skipped[:MAX_SKIPPED]]
    more = left_out(len(evidence.skipped) - MAX_SKIPPED)
    heading = tag("span", "Skipped parts", class_="cap") if skipped else None
    body = join([join(parts, " · "), heading, tag("ul", *skipped) if skipped else None, more])
    return _row(tag("a", title(dossier, evidence.check), href=f"#e{i}"), evidence.check, evidence.verdict, body)


def _missing(dossier: Dossier, one: NotTested) -> Markup:
    give = tag("span", tag("b", "To have it tested: "), one.give, class_="give") if one.give else None
    return _row(title(dossier, one.check), one.check, NOT_TESTED, join([one.why, ". " if give else None, give]))
