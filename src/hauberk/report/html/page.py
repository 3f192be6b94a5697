"""The page around the parts: one file, a strict policy, no request to anywhere."""

from __future__ import annotations

import base64
import hashlib
import shlex
from functools import cache
from importlib.resources import files

from ...core.nouns import Dossier
from ..words import clean
from .coverage import matrix
from .evidence import details, measurements
from .exhibits import seen
from .findings import findings, remarks
from .markup import Markup, join, tag
from .verdict import verdict


@cache
def _asset(name: str) -> Markup:
    """A packaged file, as it stands in the page."""
    return Markup("\n" + files(__package__).joinpath(name).read_text("utf-8"))


def _hash(content: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() + "'"


def policy() -> str:
    """The Content-Security-Policy: our one style and one script by hash, pictures in the page, nothing else."""
    return (
        f"default-src 'none'; style-src {_hash(_asset('style.css'))}; script-src {_hash(_asset('page.js'))}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def render(dossier: Dossier) -> str:
    """The dossier as one self-contained HTML file. Everything in it is escaped; it opens offline."""
    sections = _sections(dossier)
    rail = tag("nav", tag("ol", *(_jump(s) for s in sections)), aria_label="Contents", class_="rail")
    main = tag("main", verdict(dossier), *(_section(i, s) for i, s in enumerate(sections, 1)), id="main", tabindex=-1)
    skip = tag("a", "Skip to the verdict", href="#main", class_="skip")
    body = tag("body", skip, _bar(dossier), tag("div", rail, main, class_="sheet"), _foot(dossier),
               Markup(f"<script>{_asset('page.js')}</script>"))  # fmt: skip
    return f"<!doctype html>\n{tag('html', _head(dossier), body, lang='en')}\n"


Section = tuple[str, str, Markup]


def _sections(dossier: Dossier) -> list[Section]:
    return [
        ("todo", "What must be done", join([findings(dossier), remarks(dossier)])),
        ("seen", "What was seen", seen(dossier)),
        ("coverage", "What was tested, and what was not", matrix(dossier)),
        ("measurements", "Measurements", measurements(dossier)),
        ("evidence", "Evidence", details(dossier)),
        ("verify", "Verify this yourself", _verify(dossier)),
    ]


def _jump(section: Section) -> Markup:
    return tag("li", tag("a", section[1], href=f"#{section[0]}"))


def _section(i: int, section: Section) -> Markup:
    name, title, body = section
    heading = tag("h2", tag("span", i, class_="no", aria_hidden="true"), title, id=f"{name}-h")
    return tag("section", heading, body, id=name, aria_labelledby=f"{name}-h")


def _head(dossier: Dossier) -> Markup:
    return tag(
        "head", tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=Markup(policy())),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"), tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{dossier.name}: {dossier.verdict} · Hauberk audit"),
        Markup(f"<style>{_asset('style.css')}</style>"),
    )  # fmt: skip


def _bar(dossier: Dossier) -> Markup:
    button = tag("button", "Dark", type="button", id="theme", hidden=True, aria_pressed="false")
    name = tag("span", tag("b", "Hauberk"), " audit of ", dossier.name)
    return tag("div", name, button, class_="bar", role="banner")


def _foot(dossier: Dossier) -> Markup:
    words = "Everything on this page stands in report.json and in the signed evidence beside it. It makes no request."
    return tag("footer", words)


def _verify(dossier: Dossier) -> Markup:
    model = dossier.subjects.get("model")
    name = shlex.quote(clean(model.name)) if model else "MODEL"
    steps = [
        ("The evidence is whole, this key signed it, and it is about the model in hand.",
         f"hauberk verify dossier/ --key hauberk.pub --model {name}", _expected("signer", dossier.signer)),
        ("Without Hauberk, for a model of one file: the same bytes.",
         f"sha256sum {name}", _expected("digest", model.digest if model else "")),
        ("Your policy lets it go to production.",
         "hauberk gate dossier/ --key hauberk.pub --policy policy.cedar", None),
        ("The numbers come again.", dossier.command, None),
    ]  # fmt: skip
    items = [tag("li", tag("p", why), _copyable(line), after) for why, line, after in steps if line]
    return tag("ol", *items, class_="steps")


def _expected(what: str, value: str) -> Markup | None:
    return tag("p", f"Expected {what}: ", tag("code", value), class_="quiet") if value else None


def _copyable(command: str) -> Markup:
    button = tag("button", "Copy", type="button", class_="copy", hidden=True)
    return tag("div", tag("pre", tag("code", command), tabindex=0), button, class_="command")
