"""Per-evidence detail: every number with its interval, and everything needed to see it again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from ...core.errors import InputError
from ...core.nouns import Dossier, Evidence, Measurement, name_of
from ..figures import SHARES, amount, coordinates, duration, elapsed, ends, humane, moment, number, plain
from ..words import reason, title
from .bars import bar, reach
from .coverage import badge
from .markup import Markup, join, tag
from .tables import left_out, scrolling

MAX_MEASUREMENTS, MAX_SKIPPED, SHORT = 300, 100, 18


def details(dossier: Dossier) -> Markup:
    """One `<details>` an evidence, in the order of the audit."""
    if not dossier.evidence:
        return tag("p", "There is no evidence.", class_="quiet")
    return join(_one(dossier, e, i) for i, e in enumerate(dossier.evidence, 1))


def _one(dossier: Dossier, evidence: Evidence, i: int) -> Markup:
    summary = tag(
        "summary", badge(evidence.verdict), tag("span", title(dossier, evidence.check), class_="name"),
        tag("code", evidence.check), tag("span", f"{reason(evidence)} · {elapsed(evidence)}", class_="quiet"),
    )  # fmt: skip
    body = [_facts(evidence), _parameters(evidence), _skipped(evidence), _again(dossier, evidence)]
    return tag("details", summary, tag("div", *body, class_="inside"), id=f"e{i}", class_="evidence")


def _facts(evidence: Evidence) -> Markup:
    budget = evidence.budget
    spend = [duration(budget.wall_s)] if budget.wall_s is not None else []
    spend += [f"{budget.queries:,} queries"] if budget.queries is not None else []
    pairs: list[tuple[str, object]] = [
        ("Evidence", tag("code", _digest(evidence))),
        *((f"Subject: {s.kind}", join([s.name, tag("code", s.digest)], " ")) for s in evidence.subjects),
        ("Check version", evidence.version),
        ("Seed", evidence.seed),
        ("Budget", ", ".join(spend) or "none set"),
        ("Ran", f"{moment(evidence.started)} to {moment(evidence.finished)} ({elapsed(evidence)})"),
        ("Valid until", moment(evidence.expires)),
        ("Tools", ", ".join(f"{name} {version}" for name, version in evidence.tools.items()) or "none"),
    ]
    return _list(pairs)


def _list(pairs: Sequence[tuple[object, object]]) -> Markup:
    return tag("dl", *(tag("div", tag("dt", key), tag("dd", value)) for key, value in pairs), class_="facts")


def _parameters(evidence: Evidence) -> Markup | None:
    """As they are named in hauberk.toml; `settled_…` was chosen while the check ran."""
    pairs = [(tag("code", key), plain(value)) for key, value in evidence.parameters.items()]
    return tag("div", tag("h4", "Parameters"), _list(pairs)) if pairs else None


def _digest(evidence: Evidence) -> str:
    try:
        return name_of(evidence)
    except InputError:
        return "has no canonical form"


def _skipped(evidence: Evidence) -> Markup | None:
    if not evidence.skipped:
        return None
    items = [tag("li", tag("b", s.what), f": {s.why}") for s in evidence.skipped[:MAX_SKIPPED]]
    more = left_out(len(evidence.skipped) - MAX_SKIPPED)
    return tag("div", tag("h4", "Not looked at"), tag("ul", *items), more)


def _again(dossier: Dossier, evidence: Evidence) -> Markup:
    which = f"check {evidence.check}, version {evidence.version}, seed {evidence.seed}"
    lead = tag("p", f"To see these numbers again ({which}):")
    return tag("div", tag("h4", "Reproduce"), lead, tag("pre", tag("code", dossier.command), tabindex=0))


def measurements(dossier: Dossier) -> Markup:
    """Every number of the audit, grouped by check and name, on a common scale with its neighbours."""
    if not any(e.measurements for e in dossier.evidence):
        return tag("p", "Nothing was measured.", class_="quiet")
    parts = [_of_check(dossier, e, i) for i, e in enumerate(dossier.evidence, 1) if e.measurements]
    columns = (("What", ""), ("Where", ""), ("", "bars"), ("Value", "n"), ("Interval", "n"), ("n", "n"), ("How", ""))
    head = tag("tr", *(tag("th", name, scope="col", class_=css or None) for name, css in columns))
    return scrolling("Measurements", tag("table", tag("thead", head), *parts, class_="measures"))


def _of_check(dossier: Dossier, evidence: Evidence, i: int) -> Markup:
    link = tag("a", title(dossier, evidence.check), href=f"#e{i}")
    rows = [tag("tr", tag("th", link, scope="rowgroup", colspan=7, class_="group"))]
    for _, group in groupby(evidence.measurements[:MAX_MEASUREMENTS], key=lambda m: (m.name, m.unit)):
        together = list(group)
        low, high = reach(together)
        rows += [_row(m, low, high, m is together[0]) for m in together]
    left = len(evidence.measurements) - MAX_MEASUREMENTS
    if left > 0:
        rows.append(tag("tr", tag("td", left_out(left), colspan=7)))
    return tag("tbody", *rows)


def _bar(m: Measurement, low: float, high: float) -> Markup | None:
    """A count on a scale of its own says nothing."""
    return bar(m, low, high) if m.confidence or m.unit in SHARES or m.at else None


def _row(m: Measurement, low: float, high: float, first: bool) -> Markup:
    sure = f"{m.confidence * 100:g} % confidence" if m.confidence else "exact"
    at = coordinates(m.at)
    name = humane(m.name) if first else tag("span", humane(m.name), class_="vh")
    return tag(
        "tr", tag("th", name, scope="row"), tag("td", at, class_="at" if len(at) <= SHORT else None),
        tag("td", _bar(m, low, high), class_="bars"), tag("td", amount(m), class_="n"),
        tag("td", ends(m) or "exact", class_="n ci", title=sure), tag("td", number(m.n), class_="n"),
        tag("td", m.method, class_="how"),
    )  # fmt: skip
