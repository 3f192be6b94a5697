"""Bills of materials: valid to the letter of their schemas, complete, and the same for the same model."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from hauberk.artifact.bom import cyclonedx, spdx
from hauberk.artifact.bom.card import front_matter, licence
from hauberk.artifact.bom.inventory import Inventory, inventory
from hauberk.artifact.manifest import manifest
from hauberk.core.errors import InputError
from hauberk.core.limits import Limits
from hauberk.core.nouns import Budget, Evidence, Measurement, Skipped, Subject

README = """---
license: apache-2.0
datasets:
- imdb
- "glue"
pipeline_tag: text-classification
base_model: org/base
tags: [small, 'tabular']
model-index:
- name: x
  results: []
---
# A model
"""


class Bad:
    def __reduce__(self) -> Any:
        return os.system, ("true",)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "net"
    (root / "deep").mkdir(parents=True)
    (root / "README.md").write_text(README)
    (root / "config.json").write_text(json.dumps({"model_type": "bert", "architectures": ["BertForX"]}))
    (root / "deep" / "weights.pkl").write_bytes(pickle.dumps(Bad()))
    (root / "deep" / "näme \x1b[2J.bin").write_bytes(b"\x01\x02\xff\xfe" * 9)
    return root


def measured(subject: Subject) -> Evidence:
    accuracy = Measurement("accuracy", 0.9, 0.85, 0.94, 0.95, 200, "share", "Clopper-Pearson", {"eps": 0.1})
    return Evidence(
        "model.quality", "1", (subject,), {}, 0, Budget(), (), (accuracy,), (Skipped("half", "no time"),), (),
        "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "2026-04-01T00:00:00Z", {"hauberk": "0"},
    )  # fmt: skip


@pytest.fixture
def known(folder: Path) -> Inventory:
    subject = Subject("model", "net", manifest(folder).digest)
    return inventory(folder, Limits(), audited=[measured(subject)], titles={"model.quality": "Quality"}, signer="ana")


@pytest.mark.parametrize("version", cyclonedx.VERSIONS)
def test_cyclonedx_is_valid_to_the_letter(known: Inventory, folder: Path, version: str) -> None:
    schema = pytest.importorskip("cyclonedx.schema")
    from cyclonedx.validation.json import JsonStrictValidator

    validator = JsonStrictValidator(getattr(schema.SchemaVersion, f"V{version.replace('.', '_')}"))
    document = cyclonedx.render(known, version)
    assert validator.validate_str(json.dumps(document)) is None
    single = inventory(folder / "deep" / "weights.pkl", Limits())
    assert validator.validate_str(json.dumps(cyclonedx.render(single, version))) is None
    assert validator.validate_str(json.dumps(document | {"surprise": 1})) is not None


def test_cyclonedx_tells_files_licences_findings_and_evidence(known: Inventory) -> None:
    document = cyclonedx.render(known)
    model = document["metadata"]["component"]
    assert model["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    files = {c["name"]: c["hashes"][0]["content"] for c in model["components"]}
    assert set(files.values()) == {e.digest.removeprefix("sha256:") for e in known.manifest.files}
    assert all(name.isprintable() for name in files)
    assert model["modelCard"]["modelParameters"]["datasets"] == [{"ref": "dataset:imdb"}, {"ref": "dataset:glue"}]
    metric = next(
        m for m in model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"] if m["type"].endswith("accuracy")
    )
    assert metric["confidenceInterval"] == {"lowerBound": "0.85", "upperBound": "0.94"}
    call = next(v for v in document["vulnerabilities"] if v["id"] == "artifact.pickle.call")
    assert (call["ratings"][0]["severity"], call["affects"]) == ("critical", [{"ref": "file:deep/weights.pkl"}])
    scores = {
        row["requirement"]: row["conformance"]["score"]
        for row in document["declarations"]["attestations"][0]["map"]
    }
    assert scores == {"check:artifact.scan": 0.0, "check:model.quality": 0.5}


def test_every_reference_in_it_leads_somewhere(known: Inventory) -> None:
    refs: set[str] = set()
    used: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            refs.update([value["bom-ref"]] if "bom-ref" in value else [])
            for key in ("ref", "requirement", "target", "assessor"):
                used.update([value[key]] if isinstance(value.get(key), str) else [])
            for key in ("claims", "evidence", "counterEvidence", "assemblies"):
                used.update(item for item in value.get(key, []) if isinstance(item, str))
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(item)

    walk(cyclonedx.render(known))
    assert used <= refs, used - refs


def test_spdx_is_read_by_the_projects_own_bindings(known: Inventory) -> None:
    bindings = pytest.importorskip("spdx_python_model")
    full = spdx.Release("Example Ltd", "2026-11-01T00:00:00Z", "2.1", "https://models.example.org/net")
    for release in (spdx.Release(), full):
        model, objects = bindings.load_data(spdx.render(known, release))
        document = next(objects.foreach_type(model.SpdxDocument))
        ai = model.ProfileIdentifierType.ai in document.profileConformance
        assert ai is (release is full)
        package = next(objects.foreach_type(model.ai_AIPackage))
        assert package.name == "net"
        licences = [r for r in objects.foreach_type(model.Relationship) if "License" in r.relationshipType]
        assert len(licences) == 2
        assert len(list(objects.foreach_type(model.software_File))) == len(known.manifest.files)
        assert not objects.missing_ids - {spdx.NO_ASSERTION}


def test_evidence_about_another_model_is_refused(folder: Path) -> None:
    other = Subject("model", "other", "sha256:" + "0" * 64)
    with pytest.raises(InputError, match="about another model"):
        inventory(folder, Limits(), audited=[measured(other)])


def test_claims_are_read_with_care() -> None:
    assert front_matter("# no front matter\n---\nlicense: x\n---\n") == {}
    assert front_matter("---\nlicense: x\n") == {}
    assert licence("MIT").id == "MIT"
    assert licence("other").id == ""
