"""PMML: functions and elements against the pack, and what stands in extensions and tables."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from corpus import xml as samples
from hauberk.artifact.formats.pmml import names
from hauberk.artifact.scan import Scanned
from hauberk.core.nouns import Severity, Verdict

Scanner = Callable[..., Scanned]

RULES = {
    "java_class": "function",
    "unknown_function": "function",
    "java_model": "script",
    "script": "script",
    "script_in_extension": "script",
    "script_in_a_row": "script",
    "unknown_element": "unknown",
    "foreign_element": "unknown",
    "extension_content": "extension",
    "table_elsewhere": "external",
}


def rules(seen: Scanned) -> set[str]:
    return {finding.rule for finding in seen.findings}


@pytest.mark.parametrize(("name", "rule"), RULES.items())
def test_each_sample_is_told_by_its_rule(scanned: Scanner, name: str, rule: str) -> None:
    assert f"artifact.pmml.{rule}" in rules(scanned(samples.pmml(samples.PMML_BAD[name][1])))


def test_every_built_in_function_is_known(scanned: Scanner) -> None:
    calls = "".join(samples.apply(name) for name in sorted(names("functions")))
    assert scanned(samples.pmml(calls)).verdict is Verdict.HELD


def test_a_function_may_be_defined_behind_its_use(scanned: Scanner) -> None:
    define = '<DefineFunction name="mine"><ParameterField name="a"/><FieldRef field="a"/></DefineFunction>'
    assert scanned(samples.pmml(samples.apply("mine") + define)).verdict is Verdict.HELD
    assert scanned(samples.pmml(samples.apply("Mine") + define)).verdict is Verdict.BROKEN


def test_a_script_is_critical_and_has_a_line(scanned: Scanner) -> None:
    found = next(f for f in scanned(samples.pmml(samples.PMML_BAD["script"][1])).findings if "pmml" in f.rule)
    assert (found.severity, found.place.part) == (Severity.CRITICAL, "line 2")


def test_a_cell_is_no_element_unless_it_has_attributes(scanned: Scanner) -> None:
    table = "<InlineTable><row><{0}>1</{1}></row></InlineTable>"
    assert scanned(samples.pmml(table.format("Evil", "Evil"))).verdict is Verdict.HELD
    assert rules(scanned(samples.pmml(table.format('Evil class="x"', "Evil")))) == {"artifact.pmml.unknown"}


def test_the_namespace_counts_and_not_its_prefix(scanned: Scanner) -> None:
    text = '<p:PMML xmlns:p="http://www.dmg.org/PMML-4_2" version="4.2"><p:Header/></p:PMML>'
    assert scanned(text.encode()).verdict is Verdict.HELD
    assert scanned(text.replace("dmg.org/PMML", "evil.org/PMML").encode()).verdict is Verdict.BROKEN
