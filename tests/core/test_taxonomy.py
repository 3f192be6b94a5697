"""Every id resolves to what its authors say, and every reference in our own code resolves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from hauberk.core.errors import InputError
from hauberk.core.taxonomy import lookup

ROOT = Path(__file__).parents[2]
FACTS = ROOT.parent / "shared" / "data"
DATA = ROOT / "src" / "hauberk" / "core" / "taxonomy"
QUOTED = re.compile(r"""["'`]((?:AML\.[A-Z]+|CWE-|ML(?:0\d|10)|AISVS-|CVE-|GHSA-)[\w.:-]*)["'`]""")


def ids(name: str) -> list[str]:
    lines = (DATA / name).read_text().splitlines()
    return [line.split("\t")[0] for line in lines if not line.startswith("#")]


@pytest.fixture
def atlas() -> Any:
    path = FACTS / "atlas.yaml"
    if not path.exists():
        pytest.skip("atlas.yaml is not beside this checkout")
    return pytest.importorskip("yaml").safe_load(path.read_text())


def test_atlas_says_what_mitre_says(atlas: Any) -> None:
    matrix = atlas["matrices"][0]
    theirs = [*matrix["tactics"], *matrix["techniques"], *matrix["mitigations"], *atlas["case-studies"]]
    assert {item["id"] for item in theirs} == set(ids("atlas.tsv"))
    for item in theirs:
        parents = [item["subtechnique-of"]] if "subtechnique-of" in item else item.get("tactics", [])
        term = lookup(item["id"])
        assert (term.name, list(term.within)) == (item["name"], parents if "AML.T0" in item["id"] else [])


def test_what_an_atlas_technique_is_within_is_known() -> None:
    for key in ids("atlas.tsv"):
        for parent in lookup(key).within:
            assert lookup(parent).id == parent


def test_aisvs_says_what_owasp_says() -> None:
    path = FACTS / "aisvs-1.0.tsv"
    if not path.exists():
        pytest.skip("aisvs-1.0.tsv is not beside this checkout")
    rows = [line.split("\t") for line in path.read_text().splitlines()[2:]]
    assert [f"AISVS-{row[0]}" for row in rows] == ids("aisvs.tsv")
    assert all(lookup(f"AISVS-{row[0]}").level == int(row[1]) for row in rows)


@pytest.mark.parametrize(
    ("reference", "name", "url"),
    [
        ("AML.T0015", "Evade AI Model", "https://atlas.mitre.org/techniques/AML.T0015"),
        ("AML.TA0002", "Reconnaissance", "https://atlas.mitre.org/tactics/AML.TA0002"),
        ("CWE-347", "Improper Verification of Cryptographic Signature",
         "https://cwe.mitre.org/data/definitions/347.html"),
        ("ML04:2023", "Membership Inference Attack",
         "https://owasp.org/www-project-machine-learning-security-top-10/docs/ML04_2023-Membership_Inference_Attack"),
        ("CVE-2025-32434", "CVE-2025-32434", "https://www.cve.org/CVERecord?id=CVE-2025-32434"),
    ],
)  # fmt: skip
def test_published_names_and_pages(reference: str, name: str, url: str) -> None:
    term = lookup(reference)
    assert (term.id, term.name, term.url) == (reference, name, url)


def test_the_short_form_of_owasp_ml_is_the_same_term() -> None:
    assert lookup("ML01") is lookup("ML01:2023")
    assert len(ids("owasp-ml.tsv")) == 10


@pytest.mark.parametrize(
    "reference",
    ["", "CWE-99999", "CWE-502 ", "cwe-502", "AML.T9999", "ML11", "ML01:2024", "AISVS-99.1", "CVE-25-1", "../cwe"],
)
def test_unknown_ids_are_refused(reference: str) -> None:
    with pytest.raises(InputError, match="is not a known reference"):
        lookup(reference)


def test_every_file_is_listed_with_its_licence() -> None:
    licences = (DATA / "LICENCES.md").read_text()
    assert all(f"`{path.name}`" in licences for path in DATA.glob("*.tsv"))
    for path in DATA.glob("*.tsv"):
        assert len(ids(path.name)) == len(set(ids(path.name)))


def test_every_reference_in_the_code_resolves() -> None:
    unknown = []
    for path in sorted((ROOT / "src").rglob("*.py")):
        for reference in QUOTED.findall(path.read_text()):
            if not reference.endswith((".", "-")):
                try:
                    lookup(reference)
                except InputError:
                    unknown.append(f"{path.name}: {reference}")
    assert not unknown
