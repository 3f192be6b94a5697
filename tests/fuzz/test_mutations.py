"""Whatever a file holds, a scan ends with a verdict: each sample of the corpus, changed at random; all regressions.

Time and memory are held where the files are small; benchmarks and `make fuzz` measure them.
"""

from __future__ import annotations

import random
import sys
import zlib
from pathlib import Path

import pytest

from corpus import Sample, samples

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))
from fuzz.mutate import MUTATIONS, mutated, splice  # noqa: E402
from fuzz.run import KEPT  # noqa: E402
from fuzz.trial import LARGE, RAISED, answer, tried  # noqa: E402

VERDICTS = {"held", "broken", "inconclusive", "refused"}
SAMPLES = [s for s in samples() if not s.needs]
BATCH = 40
SMALL = 1 << 15


def parts(sample: Sample) -> list[bytes]:
    """The files of a sample that are small enough to be changed many times."""
    content = sample.build()
    files = [content] if isinstance(content, bytes) else list(content.values())
    return [part for part in files if isinstance(part, bytes) and 0 < len(part) <= SMALL]


def seed_of(name: str) -> int:
    return zlib.crc32(name.encode())


@pytest.mark.parametrize("start", range(0, len(SAMPLES), BATCH))
def test_a_changed_sample_gives_a_verdict(start: int) -> None:
    """One change of each sample a run of the tests, the same every time."""
    for sample in SAMPLES[start : start + BATCH]:
        for data in parts(sample)[:1]:
            changed = mutated(data, seed_of(sample.name))
            assert answer(changed) in VERDICTS, sample.name


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, len(SAMPLES), BATCH))
def test_many_changes_give_verdicts_in_bounded_memory(start: int) -> None:
    """Twenty changes of each, spliced with their neighbours, every one in a process of its own."""
    batch = [data for sample in SAMPLES[start : start + BATCH] for data in parts(sample)]
    draw = random.Random(start)
    for data in batch:
        for _ in range(20):
            changed = mutated(data, draw.getrandbits(48), draw.choice(batch))
            trial = tried(changed)
            assert trial.word not in (RAISED, LARGE), trial.told
            assert trial.verdict in VERDICTS


@pytest.mark.parametrize("path", sorted(KEPT.glob("*")), ids=lambda p: p.name)
def test_what_once_went_wrong_does_not_again(path: Path) -> None:
    trial = tried(path.read_bytes())
    assert trial.word not in (RAISED, LARGE), trial.told
    assert trial.verdict in VERDICTS


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.__name__)
def test_every_mutation_changes_something(mutation: object) -> None:
    data = bytes(range(48, 58)) * 20
    changed = set()
    for seed in range(20):
        out = bytearray(data)
        mutation(out, random.Random(seed))  # type: ignore[operator]
        changed.add(bytes(out))
    assert len(changed - {data}) > 5


def test_a_splice_brings_bytes_of_the_other_file() -> None:
    out = bytearray(b"a" * 100)
    splice(out, random.Random(3), b"z" * 50)
    assert b"zz" in out
    assert mutated(b"", 5) == b""


def test_a_scan_that_raises_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard itself: an error that is no HauberkError, and a scan that eats memory, are no verdicts."""
    import fuzz.trial

    def broken(path: Path, limits: object) -> None:
        raise ZeroDivisionError("of no scanner's business")

    def greedy(path: Path, limits: object) -> None:
        bytearray(1 << 31)

    monkeypatch.setattr(fuzz.trial, "scan", broken)
    assert tried(b"x").word == RAISED
    assert "ZeroDivisionError" in tried(b"x").told
    monkeypatch.setattr(fuzz.trial, "scan", greedy)
    assert tried(b"x").word == LARGE
