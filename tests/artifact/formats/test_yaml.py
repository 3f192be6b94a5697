"""YAML: the reader against PyYAML, which rule fires, and hostile sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus import SAMPLES
from corpus.yaml import DANGEROUS, HONEST
from hauberk.artifact.formats.opcodes import Broken
from hauberk.artifact.formats.yaml_reader import read_yaml
from hauberk.artifact.formats.yaml_source import CONSTANTS
from hauberk.artifact.scan import scan

yaml = pytest.importorskip("yaml")


class Loader(yaml.BaseLoader):  # type: ignore[misc]
    """Builds plain values whatever the tag."""


def _any(loader: Any, suffix: str, node: Any) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    deep = loader.construct_sequence if isinstance(node, yaml.SequenceNode) else loader.construct_mapping
    return deep(node, deep=True)


Loader.add_multi_constructor("", _any)


def by_pyyaml(text: str) -> Any:
    values = list(yaml.load_all(text, Loader))
    return values[0] if len(values) == 1 else values


def plain(value: Any) -> Any:
    """The same for both: constants by their meaning, keys as text, block texts without their last breaks."""
    if isinstance(value, dict):
        return {str(plain(k) if not isinstance(k, str) else k): plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    value = CONSTANTS.get(value, value) if isinstance(value, str) else value
    return "" if value is None else value.rstrip("\n") if isinstance(value, str) else value


@pytest.mark.parametrize("name", sorted(set(HONEST) - {"anchors"}))
def test_honest_files_are_read_as_pyyaml_reads_them(name: str) -> None:
    assert plain(read_yaml(HONEST[name]).value) == plain(by_pyyaml(HONEST[name]))


WORDS = st.sampled_from(["a", "b c", "1", "'q'", '"d\\x41"', "x:y", "-z", "true", "~", "é", "http://h/p#q"])
SPACES = st.sampled_from(["", " ", "  ", "    "])
LINES = st.sampled_from(
    ["{s}{k}: {v}", "{s}- {v}", "{s}{k}:", "{s}-", "{s}- {k}: {v}", "{s}{v}", "{s}{k}: [{v}, {k}]",
     "{s}{k}: {{{k}: {v}}}",
     "{s}# {v}", "", "{s}{k}: |", "{s}{k}: >-", "{s}{k}: &x {v}", "{s}{k}: !t {v}", "{s}- - {v}", "{s}{k}: '{k}",
     "{s}{k}'", "---", "{s}'{k}': {v}", "{s}{k}: # c", "{s}{k} : {v}"]
)  # fmt: skip


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Lines of YAML, most of them in a sensible order."""
    lines = draw(st.lists(LINES, min_size=1, max_size=6))
    return (
        "\n".join(line.format(s=draw(SPACES), k=draw(st.sampled_from("klm")), v=draw(WORDS)) for line in lines) + "\n"
    )


@settings(max_examples=500, deadline=None, derandomize=True)
@given(documents())
def test_what_is_read_is_read_as_pyyaml_reads_it(text: str) -> None:
    """The reader may refuse; it may never see another value than PyYAML does."""
    try:
        document = read_yaml(text)
    except Broken:
        return
    if document.twice:
        return
    try:
        theirs = by_pyyaml(text)
    except yaml.YAMLError:
        return
    assert plain(document.value) == plain(theirs), text


@pytest.mark.parametrize(
    "name", [n for n in sorted(DANGEROUS) if n.startswith(("object", "name", "module", "verbatim"))]
)
def test_python_tags_are_critical(name: str, tmp_path: Path) -> None:
    found = scan(SAMPLES[f"yaml/{name}"].write(tmp_path)).findings
    assert "artifact.yaml.object" in {f.rule for f in found}
    assert "critical" in {f.severity.value for f in found}


@pytest.mark.parametrize("name", [n for n in sorted(DANGEROUS) if n.startswith("hydra_target")])
def test_targets_are_seen_however_they_are_written(name: str, tmp_path: Path) -> None:
    found = scan(SAMPLES[f"yaml/{name}"].write(tmp_path)).findings
    assert {f.rule for f in found} <= {"artifact.config.call", "artifact.config.target"}
    assert found


def test_targets_can_be_allowed_by_name(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("model:\n  _target_: my_package.MyModel\n")
    assert scan(path).verdict.value == "broken"
    assert scan(path, allow=["my_package.MyModel"]).verdict.value == "held"


def test_a_bomb_is_told(tmp_path: Path) -> None:
    assert {f.rule for f in scan(SAMPLES["yaml/bomb"].write(tmp_path)).findings} == {"artifact.yaml.bomb"}


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        "a: " * 100_000,
        "- " * 100_000,
        "{a: " * 50_000,
        "a: b\n" * 100_000,
        "a: [" + "x, " * 200_000 + "x]",
        "a: '" + "\n" * 300_000 + "'",
        "a: b" + " " * 500_000 + "c",
        "a: b\n" + "  c\n" * 100_000,
        'a: "' + "\\x41" * 100_000 + '"',
        "&a " * 100_000,
        "a: |\n" + "  b\n" * 100_000,
        "? " * 100_000,
        "#" * 500_000,
    ],
)
def test_hostile_sizes_end(text: str) -> None:
    try:
        documents = read_yaml(text).documents
    except Broken:
        documents = 0
    assert documents in (0, 1)
