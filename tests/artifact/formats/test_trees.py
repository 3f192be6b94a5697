"""XGBoost and LightGBM: which rule tells of what, and the libraries themselves as oracles."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from array import array
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.trees import CATEGORICAL, LIGHTGBM, MODEL, SPLITS, XGBOOST, as_json, as_ubj, text
from hauberk.artifact.formats import ubjson
from hauberk.artifact.formats.opcodes import Broken
from hauberk.artifact.route import walk_content
from hauberk.artifact.walk import Walk
from hauberk.core.limits import Limits


def walked(data: bytes) -> Walk:
    walk = Walk(Limits(), walk_content)
    walk.enter(memoryview(data), "")
    return walk


OTHER = {
    "xgboost_old_binary": "",
    "xgboost_json_behind": "artifact.xgboost.broken",
    "xgboost_twice": "artifact.json.twice",
}


@pytest.mark.parametrize("name", list(XGBOOST))
def test_each_flaw_of_xgboost_is_told(name: str) -> None:
    walk = walked(XGBOOST[name]())
    rules = {flaw.rule for flaw in walk.flaws}
    if name in OTHER:
        assert not OTHER[name] or OTHER[name] in rules
        assert rules or walk.skipped
    else:
        expected = "unknown" if "nobody" in name else "broken"
        assert f"artifact.xgboost.{expected}" in rules


@pytest.mark.parametrize("name", list(LIGHTGBM))
def test_each_flaw_of_lightgbm_is_told(name: str) -> None:
    assert {flaw.rule for flaw in walked(LIGHTGBM[name]()).flaws} == {"artifact.lightgbm.broken"}


def test_ubjson_says_what_json_says() -> None:
    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list | array):
            return [pytest.approx(plain(item)) if isinstance(item, float) else plain(item) for item in value]
        return value

    assert plain(ubjson.parse(memoryview(as_ubj(MODEL)))) == MODEL
    assert json.loads(as_json(MODEL)) == MODEL


@pytest.mark.parametrize(
    "data", [b"", b"N", b"{", b"[$", b"[$C#U\1a", b"[#U\5Z", b"{U\1aZU\1aZ}", b"SU\2\xff\xfe", b"[[" * 40]
)
def test_ubjson_that_xgboost_does_not_write(data: bytes) -> None:
    with pytest.raises(Broken):
        ubjson.parse(memoryview(data))


SEEDS = [as_ubj(MODEL), as_json(MODEL), text(SPLITS, CATEGORICAL)]


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.integers(0, len(SEEDS) - 1),
    st.lists(st.tuples(st.integers(0, 1500), st.binary(max_size=4), st.integers(0, 4)), max_size=4),
)
def test_mutations_end_in_a_verdict(seed: int, edits: list[tuple[int, bytes, int]]) -> None:
    data = bytearray(SEEDS[seed])
    for at, piece, cut in edits:
        at %= len(data) + 1
        data[at : at + cut] = piece
    assert walked(bytes(data)).formats


LOADER = """
import sys, lightgbm, numpy
for model in open(sys.argv[1]).read().split(chr(0)):
    booster = lightgbm.Booster(model_str=model)
    booster.predict(numpy.ones((2, booster.num_feature())), num_threads=1)
print("done")
"""


def test_lightgbm_reads_what_is_clean(tmp_path: Path) -> None:
    """Digits of an honest model changed at random: what is told clean is loaded, and predicts, without a fault."""
    pytest.importorskip("lightgbm")
    rng, seed, clean = random.Random(5), text(SPLITS, SPLITS, CATEGORICAL), []
    places = [at for at, byte in enumerate(seed) if chr(byte).isdigit()]
    for _ in range(300):
        data = bytearray(seed)
        data[rng.choice(places)] = ord(rng.choice("0123456789"))
        if not walked(bytes(data)).flaws:
            clean.append(data.decode())
    assert 50 < len(clean) < 290
    (tmp_path / "models").write_text("\0".join(clean))
    command = [sys.executable, "-c", LOADER, str(tmp_path / "models")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.endswith("done\n"), done.stderr
