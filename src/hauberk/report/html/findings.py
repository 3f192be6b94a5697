"""What must be done: findings worst first, one entry a rule, with place, why, what to do and references."""

from __future__ import annotations

from ...core.nouns import Dossier
from ..figures import count, symbols
from ..words import Pair, grouped, notes, place, sentence, term, title, weaknesses
from .markup import Markup, join, tag
from .tables import left_out, scrolling

FEW, FIRST, FOLDED, MAX_GROUPS = 3, 6, 200, 100


def findings(dossier: Dossier) -> Markup:
    """The body of the section; one calm sentence when there is nothing to do."""
    groups = grouped(weaknesses(dossier))
    if not groups:
        words = "No check found a weakness." if dossier.evidence else "No check was run, so nothing was found."
        return tag("p", words, class_="quiet")
    over = len(groups) - MAX_GROUPS
    more = tag("p", f"{count(over, 'more rule')} in report.json.", class_="quiet") if over > 0 else None
    return join([*(_entry(dossier, g) for g in groups[:MAX_GROUPS]), more])


def remarks(dossier: Dossier) -> Markup | None:
    """Findings that only inform, below the others."""
    groups = grouped(notes(dossier))
    if not groups:
        return None
    return tag("div", tag("h3", "For your information"), *(_entry(dossier, g) for g in groups[:MAX_GROUPS]))


def _entry(dossier: Dossier, group: list[Pair]) -> Markup:
    worst = group[0][1]
    times = tag("span", f"{len(group):,} places", class_="times") if len(group) > 1 else None
    side = tag("div", tag("span", worst.severity, class_="sev"), times, class_="side")
    parts = [*_heads(dossier, group), _places(dossier, group), *_remedies(group), _small_print(dossier, group)]
    return tag("article", side, tag("div", *parts, class_="body"), class_=f"finding {worst.severity}")


def _heads(dossier: Dossier, group: list[Pair]) -> list[Markup]:
    """What is wrong: a sentence each while they are few or say the same, else how many there are."""
    messages = list(dict.fromkeys(f.message for _, f in group))
    if len(messages) == 1 or len(group) <= FEW:
        return [tag("h3", sentence(message)) for message in messages]
    return [tag("h3", f"{title(dossier, group[0][0].check)}: {count(len(group), 'finding')}")]


def _places(dossier: Dossier, group: list[Pair]) -> Markup | None:
    if len(group) <= FEW:
        return None
    first, more = group[:FIRST], group[FIRST : FIRST + FOLDED]
    summary = tag("summary", count(len(more), "more place"))
    fold = tag("details", summary, _rows(dossier, more), class_="fold") if more else None
    return join([_rows(dossier, first), fold, left_out(len(group) - FIRST - FOLDED)])


def _rows(dossier: Dossier, group: list[Pair]) -> Markup:
    rows = [tag("tr", tag("td", place(dossier, f), class_="where"), tag("td", symbols(f.message))) for _, f in group]
    head = tag("tr", tag("th", "Place", scope="col"), tag("th", "Why", scope="col"))
    return scrolling("Places", tag("table", tag("thead", head), tag("tbody", join(rows))))


def _remedies(group: list[Pair]) -> list[Markup]:
    remedies = dict.fromkeys(f.remedy for _, f in group if f.remedy)
    return [tag("p", tag("b", "Do"), " ", symbols(remedy), class_="do") for remedy in list(remedies)[:3]]


def _small_print(dossier: Dossier, group: list[Pair]) -> Markup:
    evidence, finding = group[0]
    references = dict.fromkeys(r for _, f in group for r in f.references)
    few = group if len(group) <= FEW else []
    where = [tag("span", place(dossier, f), class_="where") for _, f in few]
    link = tag("a", "evidence", href=f"#e{dossier.evidence.index(evidence) + 1}")
    parts = [tag("code", finding.rule), *where, *(_reference(r) for r in list(references)[:20]), link]
    return tag("p", join(parts, " · "), class_="meta")


def _reference(reference: str) -> Markup:
    known = term(reference)
    return tag("span", reference, title=f"{known.source}: {known.name}" if known else None, class_="ref")
