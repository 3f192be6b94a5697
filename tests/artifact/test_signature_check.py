"""The check `artifact.signature`: evidence about a model's digest, of who signed it and what is unlike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hauberk.artifact.manifest import manifest
from hauberk.artifact.sign import claim_of, recipe
from hauberk.artifact.signature import write_statement
from hauberk.artifact.signature_check import SIGNATURE
from hauberk.core.errors import InputError
from hauberk.core.limits import Limits
from hauberk.core.nouns import Severity, Subject, Verdict
from hauberk.core.ports import Inputs
from hauberk.crypto import bundle
from hauberk.crypto.keys import generate
from hauberk.testing import check_check

KEY = generate("ecdsa-p256")
FILES = {"b.x": b"2", "b/c": b"1", "a": b"", "z/y/x": b"3"}


def build(root: Path, files: dict[str, bytes] = FILES) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def sign(model: Path, to: Path) -> None:
    to.write_bytes(bundle.sign(write_statement(claim_of(model, recipe())), KEY))


def inputs(model: Path, **options: Any) -> Inputs:
    return Inputs(artifact=model, subjects={"model": Subject("model", "m", manifest(model).digest)}, options=options)


@pytest.fixture
def keys(tmp_path: Path) -> list[str]:
    KEY.public.save(tmp_path / "k.pub")
    return [str(tmp_path / "k.pub")]


def test_the_check_passes_its_exam(tmp_path: Path, keys: list[str]) -> None:
    model = build(tmp_path / "m")
    sign(model, tmp_path / "m.sig")
    evidence = check_check(SIGNATURE, inputs(model, keys=keys))
    assert (evidence.verdict, evidence.findings) == (Verdict.HELD, ())
    assert evidence.measured("files_signed").value == 4  # type: ignore[union-attr]


def test_the_check_finds_what_changed(tmp_path: Path, keys: list[str]) -> None:
    model = build(tmp_path / "m")
    sign(model, tmp_path / "m.sig")
    (model / "a").write_bytes(b"now")
    build(model, {"new": b"", ".git/x": b""})
    evidence = check_check(SIGNATURE, inputs(model, keys=keys))
    assert [(f.rule, f.severity, f.place.path) for f in evidence.findings] == [
        ("artifact.signature.changed", Severity.HIGH, "a"),
        ("artifact.signature.added", Severity.HIGH, "new"),
        ("artifact.signature.uncovered", Severity.INFO, ".git"),
    ]


def test_the_check_finds_a_signature_that_does_not_hold(tmp_path: Path, keys: list[str]) -> None:
    model, other = build(tmp_path / "m"), tmp_path / "other.sig"
    content = bundle.sign(write_statement(claim_of(model, recipe())), generate())
    for written, rule in ((content, "untrusted"), (content[:-1], "invalid"), (b"", "invalid")):
        other.write_bytes(written)
        evidence = SIGNATURE.run(inputs(model, keys=keys, signature=str(other)), Limits(), 0)
        assert [f.rule for f in evidence.findings] == [f"artifact.signature.{rule}"]
        assert evidence.verdict is Verdict.BROKEN


def test_strict_covers_everything(tmp_path: Path, keys: list[str]) -> None:
    model = build(tmp_path / "m", {**FILES, ".git/x": b""})
    sign(model, tmp_path / "m.sig")
    assert SIGNATURE.run(inputs(model, keys=keys), Limits(), 0).verdict is Verdict.HELD
    assert SIGNATURE.run(inputs(model, keys=keys, strict=True), Limits(), 0).verdict is Verdict.BROKEN


def test_the_check_needs_somebody_to_trust_and_the_named_model(tmp_path: Path, keys: list[str]) -> None:
    model = build(tmp_path / "m")
    sign(model, tmp_path / "m.sig")
    with pytest.raises(InputError, match="nobody is named"):
        SIGNATURE.run(inputs(model), Limits(), 0)
    with pytest.raises(InputError, match="not a list"):
        SIGNATURE.run(inputs(model, keys="k.pub"), Limits(), 0)
    given = inputs(model, keys=keys)
    (model / "a").write_bytes(b"now")
    with pytest.raises(InputError, match="changed since"):
        SIGNATURE.run(given, Limits(), 0)
