"""safetensors: the reference reader as the oracle of every mutation, and what its files' texts and tensors hide."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus import safetensors as samples
from hauberk.artifact.route import walk_content
from hauberk.artifact.scan import Scanned
from hauberk.artifact.walk import Walk
from hauberk.core.limits import Limits
from hauberk.core.nouns import Verdict

Scanner = Callable[..., Scanned]
HONEST = (samples.two_tensors, samples.every_type, samples.gptq, samples.trainer_notes, samples.no_tensor)
TEXTS = {
    "pickle_in_metadata": "artifact.pickle.call",
    "program_in_metadata": "artifact.payload.file",
    "code_in_metadata": "artifact.payload.code",
    "program_in_tensor": "artifact.executable",
    "pickle_in_tensor": "artifact.pickle.call",
}


def clean(data: bytes) -> bool:
    walk = Walk(Limits(), walk_content)
    walk_content(walk, memoryview(data), "")
    return not walk.flaws and not walk.skipped


def reads(data: bytes) -> bool:
    """Whether the reference reader takes it."""
    library = pytest.importorskip("safetensors")
    try:
        library.deserialize(data)
    except library.SafetensorError:
        return False
    return True


@pytest.mark.parametrize("build", HONEST)
def test_the_reference_reads_what_is_called_clean(build: Callable[[], bytes]) -> None:
    assert clean(build())
    assert reads(build())


@pytest.mark.parametrize("name", sorted(samples.LIES))
def test_what_the_reference_refuses_is_never_clean(name: str) -> None:
    data = samples.LIES[name][1]()
    assert not clean(data)
    stricter = {"extra_field", "key_twice", "metadata_twice", "hole", "half_a_surrogate"}
    assert not reads(data) or name in stricter | set(TEXTS)


@pytest.mark.parametrize(("name", "rule"), sorted(TEXTS.items()))
def test_what_hides_is_told_by_its_rule(scanned: Scanner, name: str, rule: str) -> None:
    assert rule in {finding.rule for finding in scanned(samples.LIES[name][1]()).findings}


def test_a_broken_header_says_which_tensor(scanned: Scanner) -> None:
    found = scanned(samples.one(shape=[3])).findings[0]
    assert (found.rule, "'a'" in found.message) == ("artifact.safetensors.broken", True)


def test_many_tensors_are_read_at_once(scanned: Scanner) -> None:
    header = {f"layer.{n}": samples.tensor(4 * n, 4 * n + 4, [1]) for n in range(20_000)}
    assert scanned(samples.made(header, bytes(80_000))).verdict is Verdict.HELD


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_mutation_is_clean_that_the_reference_refuses(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(HONEST))())
    size = int.from_bytes(content[:8], "little")
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, size + 7))
        content[at] = data.draw(st.sampled_from(b'0123456789{}[]",:. aF\x00\xff-') | st.integers(0, 255))
    if clean(bytes(content)):
        assert reads(bytes(content))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=5), st.integers(-2, 2), st.integers(-4, 4))
def test_layouts_are_judged_as_the_reference_does(shapes: list[tuple[int, int]], shift: int, extra: int) -> None:
    header, at = {}, 0
    for number, (rows, columns) in enumerate(shapes):
        size = 4 * rows * columns
        begin = at + (shift if number == len(shapes) - 1 else 0)
        header[f"t{number}"] = samples.tensor(begin, begin + size, [rows, columns])
        at += size
    data = samples.made(header, bytes(max(0, at + extra)))
    assert clean(data) == reads(data), json.dumps(header)
