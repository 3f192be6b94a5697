"""Sentences, numbers, and text that cannot hide anything."""

from __future__ import annotations

import sys
import unicodedata
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hauberk.core.nouns import (
    Context,
    Decision,
    Dossier,
    Effect,
    Evidence,
    Measurement,
    Obligation,
    Principal,
    Reason,
    Request,
)
from hauberk.report import words
from hauberk.report.decision import text
from hauberk.report.figures import amount, count, duration, ends, interval, moment, number, scalar

DANGEROUS = ("Cc", "Cf", "Cs", "Zl", "Zp")


def test_no_character_that_hides_or_steers_survives() -> None:
    for point in range(sys.maxunicode + 1):
        if unicodedata.category(chr(point)) in DANGEROUS:
            shown = words.clean(f"a{chr(point)}b")
            assert not any(unicodedata.category(c) in DANGEROUS for c in shown), hex(point)
            assert shown.startswith("a")
            assert shown.endswith("b")


@given(st.text())
def test_clean_keeps_ordinary_text_and_is_one_line(text: str) -> None:
    shown = words.clean(text)
    assert "\n" not in shown
    assert words.clean(shown) == shown
    if text.isprintable() and not any(unicodedata.category(c) in DANGEROUS for c in text):
        assert shown == text


def test_clean_says_that_it_cut() -> None:
    assert words.clean("x" * 5000, 10) == "xxxxxxxxxx… (5000 characters)"


def test_the_sentence_says_how_many_broke_and_how_many_were_not_run(image: Dossier) -> None:
    assert words.verdict_sentence(image) == (
        "digits-cnn.onnx did not hold: 3 of 8 checks found weaknesses, up to high severity. 2 more checks were not run."
    )


def test_the_sentence_of_every_other_verdict(image: Dossier, empty: Dossier, only_not_tested: Dossier) -> None:
    by_verdict = {e.verdict.value: e for e in image.evidence}

    def sentence(*evidence: Evidence) -> str:
        return words.verdict_sentence(replace(image, evidence=evidence, not_tested=image.not_tested[:1]))

    held, unsure = by_verdict["held"], by_verdict["inconclusive"]
    assert (
        sentence(held, held)
        == "digits-cnn.onnx held: all 2 checks that were run found nothing wrong. 1 more check was not run."
    )
    assert sentence(unsure, held).startswith("It is not known whether digits-cnn.onnx holds: 1 of 2 checks could not")
    assert words.verdict_sentence(empty) == "Nothing is known about digits-cnn.onnx: no check was run."
    assert words.verdict_sentence(only_not_tested).endswith("2 checks were not run.")


def test_numbers_read_as_people_write_them() -> None:
    m = Measurement("robust_accuracy", 0.875, 0.831, 0.912, 0.95, 300, "share", "x")
    assert interval(m) == "87.5 % [83.1, 91.2]"
    assert interval(replace(m, value=0.0012, low=0.0, high=0.01)) == "0.12 % [0.00, 1.00]"
    assert (amount(replace(m, unit="queries", value=412_000, high=5e5)), ends(replace(m, confidence=0.0))) == (
        "412,000 queries",
        "",
    )
    assert [duration(s) for s in (0.2, 42, 200, 7500)] == ["under 1 s", "42 s", "3 min 20 s", "2 h 5 min"]
    assert [count(0, "query"), count(1, "check"), count(2000, "query")] == ["no queries", "1 check", "2,000 queries"]
    assert moment("2026-01-02T03:04:05Z") == "2 January 2026, 03:04 UTC"
    assert moment("yesterday") == "yesterday"
    assert [number(v) for v in (0.1 + 0.2, 1e20, float("nan"))] == ["0.3", "100,000,000,000,000,000,000", "nan"]
    assert [scalar(v) for v in (None, True, 2, "x")] == ["–", "yes", "2", "x"]


def test_a_decision_names_its_evidence_and_cannot_steer_a_terminal(image: Dossier) -> None:
    request = Request(Principal("User", "eve\x1b[2J"), "promote", image.subjects["model"], Context("now"))
    reasons = (Reason("no-broken-evidence", "attack.evasion is broken", ("sha256:" + "a" * 64,)),)
    said = text(Decision(Effect.DENY, request, "p", reasons, (Obligation("top_k", (1,)),)))
    assert said.startswith("DENY eve\\x1b[2J may not promote digits-cnn.onnx")
    assert "sha256:" + "a" * 64 in said
    assert "on condition: top_k(1)" in said
    assert "\x1b" not in said
