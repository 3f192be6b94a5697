"""Nothing dangerous is called clean, and nothing honest is accused: every sample of tests/corpus, scanned."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from corpus import Sample, samples
from hauberk.artifact.route import READER_FAILED
from hauberk.artifact.scan import scan
from hauberk.core.nouns import Verdict

ALL = samples()


def _scan(sample: Sample, tmp_path: Path) -> Verdict:
    if sample.needs and importlib.util.find_spec(sample.needs) is None:
        pytest.skip(f"needs {sample.needs}")
    seen = scan(sample.write(tmp_path))
    assert not [gap for gap in seen.skipped if READER_FAILED in gap.why]
    return seen.verdict


@pytest.mark.parametrize("sample", [s for s in ALL if s.dangerous], ids=lambda s: s.name)
def test_nothing_dangerous_is_clean(sample: Sample, tmp_path: Path) -> None:
    assert _scan(sample, tmp_path) is not Verdict.HELD, sample.why


@pytest.mark.parametrize("sample", [s for s in ALL if not s.dangerous], ids=lambda s: s.name)
def test_nothing_honest_is_accused(sample: Sample, tmp_path: Path) -> None:
    assert _scan(sample, tmp_path) is Verdict.HELD, sample.why
