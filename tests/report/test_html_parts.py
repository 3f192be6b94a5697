"""Parts of the page that carry meaning by where they stand."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from hauberk.core.nouns import Dossier, Finding, Measurement, Place, Severity
from hauberk.report.html import bars, coverage, evidence, exhibits, findings, page, verdict


def test_the_policy_forbids_what_the_page_does_not_need() -> None:
    assert page.policy().startswith("default-src 'none'; ")
    assert page.policy().endswith("img-src data:; base-uri 'none'; form-action 'none'")


def test_a_rule_found_in_hundreds_of_places_is_counted_to_the_last(image: Dossier) -> None:
    digest = image.subjects["model"].digest
    found = tuple(Finding("r", Severity.LOW, digest, Place("", f"row {i}"), f"m{i}") for i in range(300))
    body = findings.findings(replace(image, evidence=(replace(image.evidence[0], findings=found),)))
    assert "300 places" in body
    shown = len(re.findall(r"<td class=\"where\">", body))
    (left,) = re.findall(r"(\d+) more rows in report.json", body)
    assert shown + int(left) == 300


def test_few_findings_of_one_rule_are_sentences(image: Dossier) -> None:
    digest = image.subjects["model"].digest
    found = tuple(Finding("r", Severity.LOW, digest, Place("", norm), f"{norm} breaks it") for norm in ("linf", "l2"))
    body = findings.findings(replace(image, evidence=(replace(image.evidence[0], findings=found),)))
    assert re.findall(r"<h3>(.*?)</h3>", body) == ["L∞ breaks it.", "L2 breaks it."]


def test_an_interval_bar_covers_its_interval() -> None:
    m = Measurement("a", 0.5, 0.25, 0.75, 0.95, 10, "share", "x")
    drawing = ElementTree.fromstring(bars.bar(m, 0.0, 1.0))
    span = next(e for e in drawing.iter() if e.get("class") == "span")
    inner = bars.WIDTH - 2 * bars.PAD
    assert float(span.attrib["x"]) == pytest.approx(bars.PAD + inner / 4)
    assert float(span.attrib["width"]) == pytest.approx(inner / 2)
    assert bars.reach([m]) == (0.0, 1.0)
    assert bars.reach([replace(m, unit="queries", value=5.0, low=1.0, high=9.0)]) == (0.0, 9.0)


def test_each_check_stands_under_its_verdict(image: Dossier) -> None:
    rows = re.findall(r"<tr><th scope=\"row\">.*?</tr>", coverage.matrix(image))
    assert len(rows) == len(image.evidence) + len(image.not_tested)
    wanted = [*(e.verdict.value for e in image.evidence), *("not tested" for _ in image.not_tested)]
    for row, name in zip(rows, wanted, strict=True):
        cells = re.findall(r"<td class=\"v\">(.*?)</td>", row)
        assert [i for i, cell in enumerate(cells) if cell] == [[str(c) for c in coverage.COLUMNS].index(name)]
    assert "To have it tested: </b>--max-queries 20000" in rows[-2]
    assert "only 4 reference models fit" in " ".join(rows)


def test_the_first_screen_says_what_was_not_run_and_the_key_numbers(image: Dossier) -> None:
    top = verdict.verdict(image)
    assert "2 more checks were not run." in top
    assert "8 run, 2 not tested" in top
    assert "<dd>92.2 % <small>[90.1, 94.0]</small></dd>" in top
    assert f'title="{image.signer}"' in top


def test_attacks_come_before_the_rest(image: Dossier) -> None:
    body = exhibits.seen(image)
    order = [body.index(t) for t in ("Adversarial examples", "Membership inference", "Quality and", "Label errors")]
    assert order == sorted(order)


def test_evidence_holds_what_is_needed_to_see_it_again(image: Dossier) -> None:
    body = evidence.details(image)
    attack = body[body.index('id="e5"') : body.index('id="e6"')]
    for words in (
        "seed 7",
        image.command,
        "settled_batch",
        "torch 2.13.0",
        "2 min",
        "22 February 2027",
        "<dd>256</dd>",
    ):
        assert words in attack, words
