"""The page: whole, closed, self-contained, and unmoved by hostile text."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from hauberk.core.exhibits import Chart, Line, Picture, Strip, Table
from hauberk.core.nouns import Dossier
from hauberk.report import html
from hauberk.report.html import charts, pictures, series, tables
from hauberk.report.html.markup import VOID, Markup, tag

ALL = ("image", "tabular", "empty", "only_not_tested", "crowded")


class Page(HTMLParser):
    """Reads a page strictly: every element closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.raw: dict[str, str] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({k for k, _ in attrs}) == len(attrs), f"{tag} has an attribute twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("style", "script"):
            self.raw[self.open[-1]] = self.raw.get(self.open[-1], "") + data
        else:
            self.words.append(data)

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.elements if tag == name]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(params=ALL)
def dossier(request: pytest.FixtureRequest) -> Dossier:
    return request.getfixturevalue(request.param)


def test_every_element_is_closed_and_every_link_leads_somewhere(dossier: Dossier) -> None:
    page = Page(html.render(dossier))
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(set(ids)) == len(ids)
    targets = [str(attrs["href"]) for attrs in page.all("a")]
    assert targets
    assert {t[1:] for t in targets} <= set(ids)
    assert {attrs["aria-labelledby"] for _, attrs in page.elements if "aria-labelledby" in attrs} <= set(ids)


def test_nothing_is_fetched_and_nothing_is_inline(dossier: Dossier) -> None:
    page = Page(html.render(dossier))
    for name, attrs in page.elements:
        assert name not in {"link", "iframe", "object", "embed", "base", "form", "foreignobject", "use", "image"}
        assert not any(key.startswith("on") or key in {"style", "srcset", "action"} for key in attrs), (name, attrs)
        assert str(attrs.get("src", "data:image/png;base64,")).startswith("data:image/png;base64,")
        assert str(attrs.get("href", "#")).startswith("#")
    assert not re.search(r"url\(|@import", page.raw["style"])
    assert "http" not in page.raw["script"]


def test_the_policy_allows_exactly_the_style_and_the_script_that_are_there(image: Dossier) -> None:
    page = Page(html.render(image))
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    for kind in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(page.raw[kind].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in str(policy)
    assert str(policy).startswith("default-src 'none'")
    assert "unsafe" not in str(policy)


def test_landmarks_headers_and_names_for_those_who_do_not_see(dossier: Dossier) -> None:
    page = Page(html.render(dossier))
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("main")) == len(page.all("nav")) == len(page.all("footer")) == len(page.all("h1")) == 1
    assert all(th.get("scope") for th in page.all("th"))
    assert all(img.get("alt") for img in page.all("img"))
    assert all(svg.get("role") == "img" and svg.get("aria-label") for svg in page.all("svg"))


def test_the_verdict_comes_first_then_what_to_do(image: Dossier) -> None:
    text = Page(html.render(image)).text
    order = [
        "digits-cnn.onnx did not hold: 3 of 8 checks", "What must be done", "train against APGD at this radius",
        "What was seen", "What was tested, and what was not", "Measurements", "Verify this yourself",
    ]  # fmt: skip
    places = [text.index(words) for words in order[:1]]
    for words in order[1:]:
        places.append(text.index(words, places[-1] if words != "Measurements" else 0))
    assert "--max-queries 20000" in text
    assert "only 4 reference models fit the budget" in text
    assert image.subjects["model"].digest in html.render(image)


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        '"onload=alert(1) x="',
        "'><img src=x onerror=alert(1)>",
        "\x1b[31m",
        "\u202eevil",
        "\ud800",
    ],
)
def test_hostile_text_in_every_field_stays_text(
    image: Dossier, poison: Callable[[Dossier, str], Dossier], hostile: str
) -> None:
    poisoned = poison(image, hostile)
    page = html.render(poisoned)
    assert hostile not in page
    clean_page = Page(html.render(image))
    parsed = Page(page)
    assert [name for name, _ in parsed.elements if name in ("script", "style", "img")] == [
        name for name, _ in clean_page.elements if name in ("script", "style", "img")
    ]
    allowed = {key for _, attrs in clean_page.elements for key in attrs}
    assert {key for _, attrs in parsed.elements for key in attrs} <= allowed


def test_the_poison_reaches_every_section(image: Dossier, poison: Callable[[Dossier, str], Dossier]) -> None:
    seen = html.render(poison(image, "<&poison")).count("&lt;&amp;poison")
    assert seen > 300


def test_svg_is_well_formed_xml(dossier: Dossier) -> None:
    for drawing in re.findall(r"<svg.*?</svg>", html.render(dossier), re.DOTALL):
        root = ElementTree.fromstring(drawing)
        numbers = re.findall(
            r"nan|inf|None", " ".join(v for e in root.iter() for v in e.attrib.values() if e.get("d") == v)
        )
        assert numbers == []


def test_pictures_decode_to_the_pixels_that_were_given() -> None:
    rng = np.random.default_rng(0)
    for channels in (1, 3):
        one = rng.integers(0, 200, (5, 7, channels), dtype=np.uint8)
        two = one + rng.integers(0, 9, one.shape, dtype=np.uint8)
        b64 = [base64.b64encode(a.tobytes()).decode() for a in (one, two)]
        body = pictures.strip(Strip("s", "t", 5, 7, channels, (Picture(*b64, "a", "b", ""),)))
        found = [base64.b64decode(m) for m in re.findall(r"base64,([^\"]+)", body)]
        images = [np.asarray(Image.open(io.BytesIO(png))) for png in found]
        assert np.array_equal(images[0].reshape(one.shape), one)
        assert np.array_equal(images[1].reshape(one.shape), two)
        factor = int(re.search(r"magnified (\d+) times;", body).group(1))  # type: ignore[union-attr]
        assert factor == 12
        if channels == 3:
            assert np.array_equal(images[2].astype(int), 128 + factor * (two.astype(int) - one))


def test_the_difference_of_grey_pictures_says_which_way() -> None:
    b64 = [base64.b64encode(bytes(p)).decode() for p in ([100, 100, 100], [100, 90, 110])]
    body = pictures.strip(Strip("s", "t", 1, 3, 1, (Picture(*b64, "a", "b", ""),)))
    png = base64.b64decode(re.findall(r"base64,([^\"]+)", body)[2])
    (none, down, up) = np.asarray(Image.open(io.BytesIO(png)))[0].astype(int)
    assert none.min() > 240
    assert down[2] > down[0] + 50
    assert up[0] > up[2] + 50


def test_a_broken_picture_is_said_not_drawn() -> None:
    good = base64.b64encode(bytes(4)).decode()
    body = pictures.strip(
        Strip("s", "t", 2, 2, 1, (Picture(good, "AA==", "a", "b", ""), Picture("%", good, "a", "b", "")))
    )
    assert "<img" not in body
    assert "has 1 bytes, expected 4" in body
    assert "not base64" in body
    assert "1 x 9999999 x 1" in pictures.strip(Strip("s", "t", 1, 9_999_999, 1, (Picture(good, good, "", "", ""),)))


def test_thousands_of_findings_and_rows_are_folded_and_counted(crowded: Dossier) -> None:
    page = html.render(crowded)
    assert "more rows in report.json" in page
    assert len(page) < 1_500_000
    rows = Page(page).all("tr")
    assert 200 < len(rows) < 4000


def test_the_control_arm_joins_the_chart_of_the_attack(image: Dossier) -> None:
    shown = [s for s in series.gathered(image) if isinstance(s.exhibit, Chart)]
    first = next(s for s in shown if s.exhibit.name == "robust_accuracy.linf")
    assert [(s.line.label, s.role) for s in first.series] == [
        ("APGD-CE + APGD-T", "data"), ("Square", "data"), ("uniform noise", "control"),
        ("clean accuracy 92.2 %", "reference"),
    ]  # fmt: skip
    assert not any(s.evidence[0].check == "attack.noise" for s in shown)


def test_clean_accuracy_is_marked_on_axes_of_accuracy_only(image: Dossier) -> None:
    labels = {
        s.exhibit.name: [one.line.label for one in s.series]
        for s in series.gathered(image)
        if isinstance(s.exhibit, Chart)
    }
    assert labels["robust_accuracy.l2"] == ["APGD-CE + APGD-T", "clean accuracy 92.2 %"]
    assert labels["roc"] == ["RMIA", "chance"]
    assert labels["reliability"] == ["digits-cnn", "ideal"]


def test_a_control_arm_of_its_own_axes_is_shown_alone_as_a_control(image: Dossier) -> None:
    noise = next(e for e in image.evidence if e.check == "attack.noise")
    chart = Chart("n", "Jitter", "jitter", "accuracy", (Line("gaussian jitter", (0.0, 1.0), (0.9, 0.8)),))
    odd = replace(image, evidence=(replace(noise, exhibits=(chart,)),))
    (shown,) = series.gathered(odd)
    assert [s.role for s in shown.series] == ["control"]


def test_a_control_arm_that_the_attack_drew_is_not_shown_twice(image: Dossier) -> None:
    noise = next(e for e in image.evidence if e.check == "attack.noise")
    attack = next(e for e in image.evidence if e.check == "attack.evasion")
    (own,) = (c for c in noise.exhibits if isinstance(c, Chart))
    renamed = replace(own, x_label="radius (linf, input units)")
    both = replace(own, x_label="radius (input units)", lines=(*own.lines, Line("under attack", (0.0,), (0.9,))))
    odd = replace(image, evidence=(replace(noise, exhibits=(renamed,)), replace(attack, exhibits=(both,))))
    assert [s.evidence[0].check for s in series.gathered(odd)] == ["attack.evasion"]


def test_points_that_are_no_numbers_are_left_out() -> None:
    lines = (Line("a", (0.0, float("nan"), 2.0), (1.0, 2.0, float("inf"))), Line("b", (), ()))
    shown = series.Shown(
        Chart("c", "t", "x", "y", lines, "log", "log"),
        (),
        tuple(series.finite(series.Series(n, "data")) for n in lines),
    )
    drawing = charts.chart(shown)
    assert "nan" not in drawing
    ElementTree.fromstring(drawing)


def test_a_wide_table_of_few_rows_stands_on_its_side_with_its_marks(tabular: Dossier) -> None:
    changes = next(x for e in tabular.evidence for x in e.exhibits if isinstance(x, Table) and len(x.columns) > 20)
    body = tables.table(changes)
    assert body.count("<mark>") == len(changes.marked)
    row, column = changes.marked[0]
    line = next(r for r in re.findall(r"<tr>.*?</tr>", body) if f"<td>{changes.columns[column]}</td>" in r)
    assert f"<mark>{changes.rows[row][column]:.4g}</mark>" in line
    assert "rows without a change" in body


def test_marks_outside_a_table_are_ignored() -> None:
    wide = Table("t", "t", tuple(map(str, range(20))), (tuple(range(20)),), ((0, 3), (0, 99), (7, 1), (-1, -1)))
    assert tables.table(wide).count("<mark>") == 1


def test_tag_escapes_what_is_not_markup() -> None:
    assert tag("b", "<i>", title='"&') == '<b title="&quot;&amp;">&lt;i&gt;</b>'
    assert tag("b", Markup("<i></i>"), None, hidden=True, id=None) == "<b hidden><i></i></b>"
