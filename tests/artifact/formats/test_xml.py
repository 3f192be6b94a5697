"""XML: which rule tells what, that nothing is expanded, and that every mutation gets a verdict without a failure."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus import xml as samples
from hauberk.artifact.formats import xml
from hauberk.artifact.formats.opcodes import Broken
from hauberk.artifact.route import walk_content
from hauberk.artifact.scan import Scanned
from hauberk.artifact.walk import Walk
from hauberk.core.limits import Limits
from hauberk.core.nouns import Severity, Verdict

Scanner = Callable[..., Scanned]

RULES = {
    "billion_laughs": "entity",
    "external_entity": "entity",
    "parameter_entity": "entity",
    "entity_in_pmml": "entity",
    "own_defaults": "doctype",
    "inclusion": "include",
    "stylesheet": "transform",
    "instruction": "instruction",
    "php": "instruction",
    "svg_script": "script",
    "svg_handler": "script",
    "svg_link": "script",
    "svg_animated": "script",
    "svg_foreign": "script",
    "svg_prefixed": "script",
    "cut": "broken",
    "behind_the_root": "broken",
}


def content(name: str) -> bytes:
    text = samples.BAD[name][2]
    return text if isinstance(text, bytes) else (samples.DECLARED + text).encode()


def rules(seen: Scanned) -> set[str]:
    return {finding.rule for finding in seen.findings}


@pytest.mark.parametrize(("name", "rule"), RULES.items())
def test_each_sample_is_told_by_its_rule(scanned: Scanner, name: str, rule: str) -> None:
    assert f"artifact.xml.{rule}" in rules(scanned(content(name)))


def test_an_entity_says_what_it_would_fetch_and_ends_the_reading(scanned: Scanner) -> None:
    seen = scanned(content("external_entity"))
    found = next(f for f in seen.findings if f.rule == "artifact.xml.entity")
    assert "/etc/passwd" in found.message
    assert {"CWE-611", "CWE-776"} <= set(found.references)
    assert found.place.part == "line 2"


def test_a_document_type_by_name_is_a_note(scanned: Scanner) -> None:
    seen = scanned(samples.drawing(), "plot.svg")
    assert [(f.rule, f.severity) for f in seen.findings] == [("artifact.xml.doctype", Severity.INFO)]
    assert seen.formats == {"": "svg"}


def test_depth_and_encoding_are_skips(scanned: Scanner) -> None:
    assert scanned(samples.deep()).verdict is Verdict.INCONCLUSIVE
    assert scanned(content("odd_encoding")).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("handler", ["onload", "onbegin", "ONCLICK"])
def test_handlers_count_only_where_a_browser_looks(scanned: Scanner, handler: str) -> None:
    assert rules(scanned(f"<?xml version='1.0'?><svg {handler}='x'/>".encode())) == {"artifact.xml.script"}
    assert not rules(scanned(f"<?xml version='1.0'?><settings {handler}='x'/>".encode()))


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("<?xml version='1.0'?><a/>", True),
        ("\ufeff<?xml version='1.0'?><a/>", True),
        ("<!-- a --><!-- b --><?c d?><PMML/>", True),
        ("<!DOCTYPE PMML [<!ENTITY a 'b'>]><PMML/>", True),
        ("  <p:PMML xmlns:p='x'/>", True),
        ("<html><body/></html>", False),
        ("<p align='center'>A model card</p>", False),
        ("<!-- PMML -->", False),
        ("<networks/>", False),
        ("a < b", False),
    ],
)
def test_what_begins_as_xml(text: str, known: bool) -> None:
    assert xml.sniff(memoryview(text.encode())) is known


def test_comments_without_end_are_no_trap() -> None:
    assert not xml.sniff(memoryview(b"<!--" * 16_000))
    assert not xml.sniff(memoryview(b"<!---->" * 9_000))
    assert not xml.sniff(memoryview(b"<!DOCTYPE a [" * 5_000))


def test_many_elements_and_texts_are_read_once(scanned: Scanner) -> None:
    row = b"<a b='" + b"c" * 60 + b"'>" + b"text " * 12 + b"</a>"
    assert scanned(b"<?xml version='1.0'?><r>" + row * 8_000 + b"</r>").verdict is Verdict.HELD


HONEST = (samples.tree, samples.drawing, samples.boxes, samples.near_entity, samples.plain_extension)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_mutated_document_gets_a_verdict(data: st.DataObject) -> None:
    text = bytearray(data.draw(st.sampled_from(HONEST))())
    for _ in range(data.draw(st.integers(1, 5))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.sampled_from(b"<>/&'\"=! x\0\xff"))
    walk = Walk(Limits(), walk_content)
    with contextlib.suppress(Broken):
        xml.walk(walk, memoryview(bytes(text)), "")
