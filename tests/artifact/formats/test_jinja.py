"""Chat templates: the parser against Jinja's own, the rules against Jinja's sandbox, and hostile sizes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.template import ESCAPES, HONEST
from hauberk.artifact.formats.jinja import complaints
from hauberk.artifact.formats.jinja_parser import parse_expression
from hauberk.artifact.formats.jinja_statements import statements
from hauberk.artifact.formats.jinja_tree import constant
from hauberk.artifact.formats.opcodes import Broken

jinja2 = pytest.importorskip("jinja2")
EXTENSIONS = ["jinja2.ext.loopcontrols", "jinja2.ext.do"]


def reads(text: str) -> bool:
    try:
        list(statements(text))
    except Broken:
        return False
    return True


def jinja_reads(text: str) -> bool:
    try:
        jinja2.Environment(extensions=EXTENSIONS).parse(text)
    except jinja2.TemplateSyntaxError:
        return False
    return True


@pytest.mark.parametrize("name", sorted(HONEST))
def test_jinja_reads_what_we_call_honest(name: str) -> None:
    assert name == "training" or jinja_reads(HONEST[name])
    assert list(complaints(HONEST[name])) == []


@pytest.mark.parametrize("name", sorted(ESCAPES))
def test_no_escape_is_quiet(name: str) -> None:
    assert list(complaints(ESCAPES[name]))


@pytest.mark.parametrize("name", [n for n in sorted(ESCAPES) if n.startswith(("class_by_item", "init_of", "globals"))])
def test_ways_to_python_are_critical(name: str) -> None:
    assert "critical" in {c.severity.value for c in complaints(ESCAPES[name])}


PIECES = st.sampled_from(
    ["a", "b.c", "d[0]", "e['f']", "'g'", '"h"', "1", "2.5", "true", "none", "(", ")", "[", "]", "{", "}", ":", ",",
     "+", "-", "~", "*", "/", "//", "%", "**", "==", "!=", "<", "in", "not", "and", "or", "is", "if", "else", "|",
     "upper", "defined", "=", ".", "not in", "is not"]
)  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(PIECES, min_size=1, max_size=9))
def test_expressions_are_read_as_jinja_reads_them(pieces: list[str]) -> None:
    """What Jinja compiles is never refused; what only we read could at most be told too much of."""
    text = "{{ " + " ".join(pieces) + " }}"
    if jinja_reads(text):
        assert reads(text), text


STATEMENTS = st.sampled_from(
    ["{% if a %}", "{% elif b %}", "{% else %}", "{% endif %}", "{% for x in y %}", "{% endfor %}", "{{ a }}", "text",
     "{% set a = 1 %}", "{% set b %}", "{% endset %}", "{% macro m(a, b=1) %}", "{% endmacro %}", "{# no #}",
     "{% raw %}", "{% endraw %}", "{%- break -%}", "{% for k, v in a.items() if v %}", "{% do a %}", "{% call m(1) %}",
     "{% call(u) m() %}", "{% endcall %}", "{% filter upper %}", "{% endfilter %}", "{% with a = 1, b = 2 %}",
     "{% endwith %}", "{% set ns.a = 1 %}", "{% set a, b = 1, 2 %}", "{% for x in y recursive %}", "{{ loop(x) }}"]
)  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(STATEMENTS, min_size=1, max_size=7))
def test_statements_are_read_as_jinja_reads_them(pieces: list[str]) -> None:
    text = "".join(pieces)
    if jinja_reads(text):
        assert reads(text), text


NAMES = ["__class__", "__mro__", "__globals__", "__init__", "__subclasses__", "__builtins__"]
SPELLINGS = [
    "{{{{ x.{0} }}}}", "{{{{ x['{0}'] }}}}", "{{{{ x|attr('{0}') }}}}", "{{{{ [x]|map(attribute='{0}')|list }}}}",
    "{{{{ x['{1}' ~ '{2}'] }}}}", "{{{{ x['{1}' '{2}'] }}}}", "{{{{ x['{3}'] }}}}",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_what_the_sandbox_refuses_is_told(name: str, spelling: str) -> None:
    """The oracle: an unguarded environment reaches the attribute, or the sandbox raises for it."""
    escaped = "".join(f"\\x{ord(c):02x}" for c in name)
    text = spelling.format(name, name[:4], name[4:], escaped)
    assert jinja_reads(text)
    assert any(c.rule == "artifact.template.escape" for c in complaints(text)), text


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(alphabet="{}%#-'\"\\()[]|.,:~ab1_ \n", max_size=60))
def test_any_text_is_judged(text: str) -> None:
    assert all(c.message for c in complaints(text))


@pytest.mark.parametrize(
    "text",
    [
        "{{ " + "(" * 100_000 + " }}",
        "{{ " + "a." * 100_000 + "b }}",
        "{{ " + "1+" * 100_000 + "1 }}",
        "{{ " + "-" * 200_000 + "1 }}",
        "{{ " + "not " * 50_000 + "1 }}",
        "{{ '" + "\\" * 200_000 + " }}",
        "{% if a %}" * 50_000,
        "{{ a" + "[0]" * 50_000 + " }}",
        "{{ a" + "|upper" * 50_000 + " }}",
        "{#" * 200_000,
        "{{ " + "a if b else " * 20_000 + "c }}",
        "{{ '" + "a" * 500_000 + "' ~ '" + "b" * 500_000 + "' }}",
    ],
)
def test_hostile_sizes_end(text: str) -> None:
    assert isinstance(list(complaints(text)), list)


@pytest.mark.parametrize(
    ("text", "value"),
    [("'a' ~ 'b'", "ab"), ("2 * 3 + 1", 7), ("'a' + 'b'", "ab"), ("1 ~ 'x'", "1x"), ("a ~ 'b'", None)],
)
def test_constants_are_folded(text: str, value: Any) -> None:
    assert constant(parse_expression(text)) == value
