"""GGUF: which rule fires, what is skipped by arithmetic, and that no bytes make it fail."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus import SAMPLES, samples
from corpus.gguf_writer import TEXT, Writer
from hauberk.artifact.formats import gguf
from hauberk.artifact.formats.ggml_types import BLOCKS, size_of
from hauberk.artifact.formats.opcodes import Broken
from hauberk.artifact.scan import scan
from hauberk.artifact.walk import Walk
from hauberk.core.limits import Limits

W = Writer()
HONEST = [s for s in samples() if s.form == "gguf" and not s.dangerous]


def rules(name: str, tmp_path: Path) -> set[str]:
    return {f.rule for f in scan(SAMPLES[f"gguf/{name}"].write(tmp_path)).findings}


def outcome(data: bytes) -> str:
    """What reading these bytes comes to; any other error than Broken fails the test."""
    walk = Walk(Limits(), lambda *_: None)
    try:
        gguf.walk(walk, memoryview(data), "")
    except Broken:
        return "broken"
    return "told" if walk.flaws else "read"


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("template_escape", "artifact.template.escape"),
        ("second_template", "artifact.template.escape"),
        ("overlap", "artifact.gguf.broken"),
        ("hole", "artifact.gguf.hidden"),
        ("key_twice", "artifact.gguf.broken"),
        ("program_in_metadata", "artifact.executable.hidden"),
        ("program_before_tensors", "artifact.executable.hidden"),
        ("secret_in_metadata", "artifact.secret"),
        ("pickle_behind", "artifact.pickle.call"),
        ("deep_arrays", "artifact.gguf.broken"),
    ],
)
def test_the_rule_that_fires(name: str, rule: str, tmp_path: Path) -> None:
    assert rule in rules(name, tmp_path)


def test_every_cut_is_seen() -> None:
    """A file that ends anywhere before its end is broken, and no cut is read as a whole."""
    whole = SAMPLES["gguf/small_model"].build()
    assert isinstance(whole, bytes)
    assert outcome(whole) == "read"
    assert {outcome(whole[:end]) for end in range(4, len(whole) - 30)} == {"broken"}


def test_sizes_of_blocks() -> None:
    """Bytes of a row as ggml counts them: 7 billion weights in Q4_K are 144 bytes for 256."""
    assert size_of(12, (4096, 4096)) == 4096 * 4096 // 256 * 144
    assert size_of(2, (33,)) is None
    assert size_of(0, ()) == 4
    assert all(values in (1, 32, 64, 128, 256) and size > 0 for _, values, size in BLOCKS.values())


def test_tensors_are_skipped_by_arithmetic(tmp_path: Path) -> None:
    """A sparse file of 6 GiB of weights: the scan without hashing reads only its header."""
    path, count = tmp_path / "big.gguf", (6 << 30) // 4
    head = W.file([W.entry("a", TEXT, W.text("b"))], [W.tensor("t", [count], 0)])
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + 4 * count)
    assert scan(path, digests=False).verdict.value == "held"


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(HONEST),
    st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=8), st.integers(0, 8)), min_size=1, max_size=4),
)
def test_mutations_are_read_or_broken(sample: object, edits: list[tuple[int, bytes, int]]) -> None:
    data = bytearray(sample.build())  # type: ignore[attr-defined]
    for at, piece, cut in edits:
        at %= len(data) + 1
        data[at : at + cut] = piece
    assert outcome(bytes(data)) in ("read", "told", "broken")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(0, 60), st.integers(0, 2**64 - 1))
def test_no_number_makes_it_reach_outside(at: int, value: int) -> None:
    """Any 8 bytes of the header replaced by any number."""
    data = bytearray(W.file([W.entry("k", TEXT, W.text("v"))], [W.tensor("t", [8], 0)], bytes(32)))
    data[4 + at : 12 + at] = struct.pack("<Q", value)
    assert outcome(bytes(data)) in ("read", "told", "broken")
