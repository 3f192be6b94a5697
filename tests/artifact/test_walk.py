"""What one file may cost: opcodes and entries are bounded by its size, whatever it unpacks to."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable

from hauberk.artifact.scan import Scanned
from hauberk.artifact.walk import FREE_ENTRIES, FREE_OPCODES, MAX_FLAWS, Walk
from hauberk.core.limits import Limits
from hauberk.core.nouns import Place, Severity, Verdict


def test_few_bytes_do_not_become_many_opcodes(scanned: Callable[..., Scanned]) -> None:
    program = b"]" + b"]0" * FREE_OPCODES + b"."
    seen = scanned(gzip.compress(program))
    assert seen.verdict is Verdict.INCONCLUSIVE
    assert f"more than {FREE_OPCODES} opcodes" in seen.skipped[0].why
    assert scanned(b"]" + b"]0" * 50_000 + b".").verdict is Verdict.HELD


def test_streams_cost_what_setting_them_up_costs(scanned: Callable[..., Scanned]) -> None:
    assert "opcodes" in scanned(b"N." * 200_000).skipped[0].why
    assert scanned(b"N." * 1000).verdict is Verdict.HELD


def test_nested_archives_share_one_bound(scanned: Callable[..., Scanned]) -> None:
    def packed(content: bytes, times: int) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(times):
                archive.writestr(f"{number}.bin", content)
        return out.getvalue()

    nested = packed(packed(packed(b"N.", 20), 20), 20)
    assert f"more than {FREE_ENTRIES} things" in " ".join(gap.why for gap in scanned(nested).skipped)
    assert scanned(packed(b"\x80\x04N.", FREE_ENTRIES + 100)).verdict is Verdict.HELD


def test_gaps_beyond_the_listed_are_told() -> None:
    walk = Walk(Limits(), lambda *_: None)
    for number in range(MAX_FLAWS + 5):
        walk.flaw("artifact.a", Severity.INFO, Place(f"{number}"), "m", "r")
        walk.skip(f"part {number}", "not read")
    walk.settle()
    assert [what for what, _ in walk.skipped[MAX_FLAWS:]] == ["further findings", "further parts"]


def test_strangers_beyond_the_listed_are_told() -> None:
    walk = Walk(Limits(), lambda *_: None)
    for number in range(MAX_FLAWS + 5):
        walk.stranger(f"{number}", "its format is not known")
    walk.claimed = {"0"}
    walk.settle()
    assert len(walk.skipped) == MAX_FLAWS + 1
    assert walk.skipped[-1][0] == "further parts"
    assert walk.skipped[0][0] == "1"
