"""The dossier: it verifies as written; one flipped bit anywhere is refused, with a reason of its own."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hauberk.audit.dossier import Folder, verify
from hauberk.core.canon import digest
from hauberk.core.errors import HauberkError, InputError, VerificationError
from hauberk.core.nouns import Budget, Dossier, Evidence, Finding, NotTested, Place, Severity, Skipped, Subject
from hauberk.core.stats import rate
from hauberk.crypto.keys import PublicKey, generate
from hauberk.store.evidence import EvidenceStore

NOW = datetime(2026, 5, 1, tzinfo=UTC)
FLIPS = 600


class Fixed:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


def evidence(model: Subject, check: str) -> Evidence:
    finding = Finding(f"{check}.bad", Severity.HIGH, model.digest, Place("", "eps=0.1"), "it breaks", "mend it")
    return Evidence(
        check=check, version="1", subjects=(model,), parameters={"eps": 0.1}, seed=0, budget=Budget(60.0, 1000),
        findings=(finding,), measurements=(rate("robust_accuracy.linf", 12, 100),), skipped=(Skipped("l2", "time"),),
        exhibits=(), started="2026-04-30T00:00:00Z", finished="2026-04-30T00:01:00Z", expires="2026-07-29T00:00:00Z",
        tools={"python": "3.11.7"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, a dossier about it, and the keys."""
    root = tmp_path_factory.mktemp("written")
    (root / "net.onnx").write_bytes(random.Random(0).randbytes(400))
    key = generate()
    key.save(root / "team.key")
    key.public.save(root / "team.pub")
    generate().public.save(root / "other.pub")
    model = Subject("model", "net.onnx", digest((root / "net.onnx").read_bytes()))
    folder = Folder(root / "dossier", key, EvidenceStore.open(str(root / "store.db")), Fixed())
    every = tuple(evidence(model, check) for check in ("artifact.scan", "model.quality", "attack.evasion"))
    for item in every:
        folder.put(item, final=True)
    untested = (NotTested("data.labels", "no", "--train"),)
    folder.close(
        Dossier(
            name="net.onnx",
            subjects={"model": model},
            facts={"format": "onnx"},
            evidence=every,
            not_tested=untested,
            titles={"artifact.scan": "scan"},
            command="hauberk audit net.onnx",
            created="2026-04-30T00:01:00Z",
            signer=key.key_id,
        )
    )
    return root


@pytest.fixture
def copy(written: Path, tmp_path: Path) -> Path:
    shutil.copytree(written, tmp_path / "copy")
    return tmp_path / "copy"


def check(root: Path, key: str = "team.pub", now: datetime = NOW) -> tuple[str, ...]:
    return verify(root / "dossier", [PublicKey.load(root / key)], now=now, model=root / "net.onnx").compared


def test_it_verifies_as_written(written: Path) -> None:
    checked = verify(written / "dossier", [PublicKey.load(written / "team.pub")], now=NOW, model=written / "net.onnx")
    assert checked.compared == ("model",)
    assert [v.evidence.check for v in checked.verified] == ["artifact.scan", "model.quality", "attack.evasion"]
    assert checked.dossier.evidence == tuple(v.evidence for v in checked.verified)
    assert checked.dossier.not_tested[0].give == "--train"


def test_one_flipped_bit_anywhere_is_refused(copy: Path) -> None:
    """600 random flips over every file of the dossier, the model and the key: none verifies."""
    chance = random.Random(20260501)
    targets = [p for p in sorted((copy / "dossier").rglob("*")) if p.is_file()] + [copy / "net.onnx", copy / "team.pub"]
    reasons: Counter[str] = Counter()
    for turn in range(FLIPS):
        path = targets[turn % len(targets)]
        original = path.read_bytes()
        changed = bytearray(original)
        bit = chance.randrange(len(original) * 8)
        changed[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(changed)
        with pytest.raises(HauberkError) as caught:
            check(copy)
        reasons[getattr(caught.value, "reason", "key")] += 1
        path.write_bytes(original)
    assert check(copy) == ("model",)
    assert {"altered-file", "bad-signature", "other-model", "key"} <= set(reasons), reasons
    assert sum(reasons.values()) == FLIPS


def refuse(root: Path, reason: str, **how: object) -> None:
    with pytest.raises(VerificationError) as caught:
        check(root, **how)  # type: ignore[arg-type]
    assert caught.value.reason == reason, caught.value


def test_each_way_to_cheat_has_its_reason(copy: Path) -> None:
    evidence_file = copy / "dossier" / "evidence" / "attack.evasion.json"
    refuse(copy, "wrong-key", key="other.pub")
    refuse(copy, "expired", now=NOW + timedelta(days=365))
    content = evidence_file.read_bytes()
    evidence_file.unlink()
    refuse(copy, "missing-file")
    evidence_file.write_bytes((copy / "dossier" / "evidence" / "model.quality.json").read_bytes())
    refuse(copy, "altered-file")
    evidence_file.write_bytes(content)
    (copy / "dossier" / "evidence" / "data.labels.json").write_bytes(content)
    refuse(copy, "unlisted-file")
    (copy / "dossier" / "evidence" / "data.labels.json").unlink()
    (copy / "net.onnx").write_bytes(b"another model")
    refuse(copy, "other-model")


def test_a_link_in_the_dossier_is_refused(copy: Path) -> None:
    report = copy / "dossier" / "report.md"
    report.rename(copy / "report.md")
    report.symlink_to(copy / "report.md")
    refuse(copy, "unlisted-file")


def test_evidence_of_another_model_under_a_good_manifest_is_refused(copy: Path) -> None:
    """The same key signs everything, but one piece of evidence is about another digest."""
    from hauberk.crypto.keys import PrivateKey

    key = PrivateKey.load(copy / "team.key")
    model = Subject("model", "net.onnx", digest((copy / "net.onnx").read_bytes()))
    folder = Folder(copy / "dossier", key, EvidenceStore.open(str(copy / "store.db")), Fixed())
    folder.put(evidence(Subject("model", "net.onnx", digest(b"another")), "attack.evasion"), final=True)
    folder.close(Dossier("net.onnx", {"model": model}, {}, (), (), {}, "", "2026-04-30T00:01:00Z", key.key_id))
    refuse(copy, "other-subject")


def test_evidence_of_another_model_on_the_same_data_is_refused(copy: Path) -> None:
    """It shares one of the dossier's subjects, the data, and is about a model of its own."""
    from hauberk.crypto.keys import PrivateKey

    key = PrivateKey.load(copy / "team.key")
    model = Subject("model", "net.onnx", digest((copy / "net.onnx").read_bytes()))
    data = Subject("dataset", "test", digest(b"test"))
    folder = Folder(copy / "dossier", key, EvidenceStore.open(str(copy / "store.db")), Fixed())
    other = evidence(Subject("model", "net.onnx", digest(b"another")), "model.quality")
    folder.put(replace(other, subjects=(*other.subjects, data)), final=True)
    subjects = {"model": model, "test": data}
    folder.close(Dossier("net.onnx", subjects, {}, (), (), {}, "", "2026-04-30T00:01:00Z", key.key_id))
    refuse(copy, "other-subject")


def test_a_pipe_in_the_place_of_the_manifest_is_not_waited_for(copy: Path) -> None:
    (copy / "dossier" / "manifest.json").unlink()
    os.mkfifo(copy / "dossier" / "manifest.json")
    with pytest.raises(InputError, match="not a regular file"):
        check(copy)


def test_a_manifest_over_no_record_is_refused(copy: Path) -> None:
    from hauberk.crypto.attest import DOSSIER, Resource, Statement, sign_statement
    from hauberk.crypto.keys import PrivateKey

    (copy / "dossier" / "dossier.json").unlink()
    files = [p for p in (copy / "dossier").rglob("*") if p.is_file() and p.name != "manifest.json"]
    listed = tuple(Resource(p.relative_to(copy / "dossier").as_posix(), digest(p.read_bytes())) for p in files)
    signed = sign_statement(Statement(listed, DOSSIER, {}), PrivateKey.load(copy / "team.key"))
    (copy / "dossier" / "manifest.json").write_bytes(signed)
    refuse(copy, "missing-file")


def test_an_unfinished_dossier_does_not_verify(copy: Path) -> None:
    (copy / "dossier" / "manifest.json").unlink()
    with pytest.raises(InputError, match="no finished dossier"):
        check(copy)


def test_a_folder_that_is_no_dossier_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    store = EvidenceStore.open(str(tmp_path / "store.db"))
    with pytest.raises(InputError, match="not a dossier"):
        Folder(tmp_path, generate(), store, Fixed())
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_proven_evidence_is_our_own_and_unexpired(tmp_path: Path) -> None:
    model, key = Subject("model", "m", digest(b"m")), generate()
    store = EvidenceStore.open(str(tmp_path / "store.db"))
    folder = Folder(tmp_path / "a", key, store, Fixed())
    folder.put(evidence(model, "attack.evasion"), final=True)
    folder.put(replace(evidence(model, "model.quality"), expires="2026-04-30T12:00:00Z"), final=True)
    folder.put(evidence(model, "artifact.scan"), final=False)
    assert [e.check for e in folder.proven("attack.evasion", model.digest)] == ["attack.evasion"]
    assert list(folder.proven("model.quality", model.digest)) == [], "expired"
    assert list(folder.proven("artifact.scan", model.digest)) == [], "was cut short"
    stranger = Folder(tmp_path / "b", generate(), store, Fixed())
    assert list(stranger.proven("attack.evasion", model.digest)) == [], "another key's"
