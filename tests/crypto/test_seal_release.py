"""Keys that a decision releases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hauberk.core.canon import digest
from hauberk.core.errors import Denied, VerificationError
from hauberk.core.nouns import Context, Decision, Effect, Obligation, Principal, Reason, Request
from hauberk.crypto import sealkeys
from hauberk.crypto.open import open_sealed, open_to_file
from hauberk.crypto.release import ByDecision, LocalRelease
from hauberk.crypto.seal import seal
from hauberk.crypto.sealed import parse

CONTEXT = Context("2026-01-01T00:00:00Z")
WHO = Principal("service", "gateway")
WEIGHTS = b"weights"


def deciding(effect: Effect = Effect.ALLOW, *obligations: str) -> Callable[[Request], Decision]:
    def decide(request: Request) -> Decision:
        found = tuple(Obligation(name) for name in obligations)
        return Decision(effect, request, "policy", (Reason("rule", "no evidence of a scan"),), found)

    return decide


@pytest.fixture
def path(tmp_path: Path) -> Path:
    key = sealkeys.generate()
    (tmp_path / "m").write_bytes(WEIGHTS)
    seal(tmp_path / "m", tmp_path / "m.sealed", [key.public], subject=digest(WEIGHTS))
    key.save(tmp_path / "key")
    return tmp_path / "m.sealed"


def by(path: Path, decide: Callable[[Request], Decision]) -> ByDecision:
    keys = [sealkeys.OpeningKey.load(path.with_name("key"))]
    return ByDecision(LocalRelease(keys, decide, WHO, name="fraud"), CONTEXT)


def test_a_permission_opens(path: Path, tmp_path: Path) -> None:
    asked: list[Request] = []

    def decide(request: Request) -> Decision:
        asked.append(request)
        return deciding()(request)

    assert open_sealed(path, by(path, decide)) == WEIGHTS
    open_to_file(path, tmp_path / "out", by(path, decide))
    assert (tmp_path / "out").read_bytes() == WEIGHTS
    assert {(r.principal, r.action, r.subject.digest, r.context) for r in asked} == {
        (WHO, "open", digest(WEIGHTS), CONTEXT)
    }


def test_a_denial_says_why_and_releases_nothing(path: Path, tmp_path: Path) -> None:
    with pytest.raises(Denied, match="no evidence of a scan"):
        open_to_file(path, tmp_path / "out", by(path, deciding(Effect.DENY)))
    assert not (tmp_path / "out").exists()


def test_obligations_bind(path: Path, tmp_path: Path) -> None:
    memory_only = by(path, deciding(Effect.ALLOW, "memory_only"))
    assert open_sealed(path, memory_only) == WEIGHTS
    with pytest.raises(Denied, match="memory_only"):
        open_to_file(path, tmp_path / "out", memory_only)
    with pytest.raises(Denied, match="nothing here keeps blur"):
        open_sealed(path, by(path, deciding(Effect.ALLOW, "memory_only", "blur")))


def test_a_decision_about_something_else_releases_nothing(path: Path) -> None:
    def other(request: Request) -> Decision:
        return deciding()(replace(request, action="read"))

    with pytest.raises(Denied, match="another request"):
        open_sealed(path, by(path, other))


def test_a_policy_that_fails_releases_nothing(path: Path) -> None:
    def broken(request: Request) -> Decision:
        raise RuntimeError("the policy store is down")

    with pytest.raises(RuntimeError):
        open_sealed(path, by(path, broken))


def test_nothing_is_decided_about_a_model_without_a_name(path: Path, tmp_path: Path) -> None:
    key = sealkeys.OpeningKey.load(path.with_name("key"))
    seal(tmp_path / "m", tmp_path / "nameless", [key.public])
    with pytest.raises(Denied, match="does not name its model"):
        open_sealed(tmp_path / "nameless", by(path, deciding()))


def test_a_name_that_was_slipped_in_is_never_asked_about(path: Path) -> None:
    """Otherwise a hostile model would be opened on the evidence of a good one."""
    content = path.read_bytes()
    header, rest = parse(content)
    lie = replace(header, subject=digest(b"another model"))
    path.write_bytes(lie.plain + rest)
    with pytest.raises(VerificationError) as caught:
        open_sealed(path, by(path, lambda request: pytest.fail("it was asked")))
    assert caught.value.reason == "altered-header"
