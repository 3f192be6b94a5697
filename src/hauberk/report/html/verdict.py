"""The first screen: the verdict in a sentence, what was audited, by whom and when."""

from __future__ import annotations

from ...core.nouns import Dossier, Subject
from ..figures import amount, count, ends, label, moment, short
from ..words import key_numbers, outcome, sentence, tally, untested, weaknesses
from .coverage import badge, chain
from .markup import Markup, join, tag

MAX_FACTS = 24


def verdict(dossier: Dossier) -> Markup:
    """The opening of the report."""
    links = chain(dossier) if dossier.evidence or dossier.not_tested else None
    return tag(
        "header", tag("p", badge(dossier.verdict), class_="state"), tag("h1", outcome(dossier)),
        _worst(dossier), _numbers(dossier), links, _plate(dossier),
        class_=f"verdict {dossier.verdict}",
    )  # fmt: skip


def _worst(dossier: Dossier) -> Markup | None:
    found = weaknesses(dossier)
    parts = [sentence(found[0][1].message) if found else None, untested(dossier) or None]
    return tag("p", join(parts, " "), class_="lead") if any(parts) else None


def _numbers(dossier: Dossier) -> Markup | None:
    keys = key_numbers(dossier)
    cells = [tag("div", tag("dt", label(m)), tag("dd", amount(m), " ", tag("small", ends(m)))) for m in keys]
    return tag("dl", *cells, class_="key") if cells else None


def _plate(dossier: Dossier) -> Markup:
    run, missing = len(dossier.evidence), len(dossier.not_tested)
    pairs: list[tuple[str, object]] = [
        *((role, _subject(subject)) for role, subject in dossier.subjects.items()),
        ("audited", moment(dossier.created)),
        ("signed by", tag("code", short(dossier.signer), title=dossier.signer) if dossier.signer else "nobody"),
        ("checks", f"{run} run, {missing} not tested"),
        ("findings", tally(f for _, f in dossier.findings)),
        ("measured", count(sum(len(e.measurements) for e in dossier.evidence), "number")),
        *list(dossier.facts.items())[:MAX_FACTS],
    ]
    return tag("dl", *(tag("div", tag("dt", key), tag("dd", value)) for key, value in pairs), class_="plate")


def _subject(subject: Subject) -> Markup:
    return join([subject.name, tag("code", short(subject.digest), title=subject.digest)], " ")
