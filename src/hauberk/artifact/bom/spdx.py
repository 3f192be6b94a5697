"""SPDX 3.0.1, JSON-LD: an AI package, its files, licences, data sets, findings (https://spdx.github.io/spdx-spec/v3.0.1/).

The AI profile wants to know who supplies a model, when it was released, where it comes from and which version it is.
Bytes do not say that: a publisher gives it. What is not given is left out, and the document then conforms to the
software profile alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ... import __version__
from ...core.nouns import Finding, Severity
from ..manifest import Entry
from ..walk import printable
from .inventory import Inventory

CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
NO_ASSERTION = "https://spdx.org/rdf/3.0.1/terms/ExpandedLicensing/NoAssertion"
INFO = "_:creationInfo"

Object = dict[str, Any]


@dataclass(frozen=True)
class Release:
    """What only its publisher knows of a model. released: a moment, RFC 3339. Empty where it was not given."""

    supplier: str = ""
    released: str = ""
    version: str = ""
    origin: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """What the AI profile asks for and was not given."""
        return tuple(name for name in ("supplier", "released", "version", "origin") if not getattr(self, name))


def render(known: Inventory, release: Release = Release()) -> Object:
    """The document as plain JSON; the same inventory gives the same one."""
    return {"@context": CONTEXT, "@graph": Graph(known, release).elements()}


class Graph:
    """The elements of one document. Their identifiers are made of the model's digest."""

    def __init__(self, known: Inventory, release: Release) -> None:
        self.known, self.release = known, release
        self.base = f"urn:hauberk:{known.subject.digest}"

    def elements(self) -> list[Object]:
        """All of them; the document itself last."""
        known = self.known
        own = [self._package(), *(self._file(i, e) for i, e in enumerate(known.manifest.files))]
        own += [self._licence(i, one.id or "NOASSERTION") for i, one in enumerate(known.card.licences[:1])]
        own += [self._dataset(i, name) for i, name in enumerate(known.card.datasets)]
        own += [self._finding(f) for f in known.findings]
        own += self._agents()
        own += self._relations()
        return [self._creation(), *own, self._document(own)]

    def id(self, name: str) -> str:
        """The identifier of an element."""
        return f"{self.base}#{name}"

    def _element(self, kind: str, key: str, **more: Any) -> Object:
        return {"type": kind, "spdxId": self.id(key), "creationInfo": INFO, **more}

    def _creation(self) -> Object:
        return {
            "type": "CreationInfo", "@id": INFO, "specVersion": "3.0.1", "created": self.known.created,
            "createdBy": [self.id("hauberk")],
        }  # fmt: skip

    def _agents(self) -> list[Object]:
        agents = [self._element("SoftwareAgent", "hauberk", name=f"hauberk {__version__}")]
        if self.release.supplier:
            agents.append(self._element("Organization", "supplier", name=self.release.supplier))
        return agents

    def _package(self) -> Object:
        known, release, card = self.known, self.release, self.known.card
        given = {
            "releaseTime": release.released,
            "suppliedBy": self.id("supplier") if release.supplier else "",
            "software_packageVersion": release.version,
            "software_downloadLocation": release.origin,
            "description": printable(card.description, 500),
            "ai_domain": [printable(card.task)] if card.task else [],
            "ai_typeOfModel": [printable(one) for one in (card.family, card.architecture) if one],
            "ai_metric": [
                {"type": "DictionaryEntry", "key": f"{e.check}.{m.name}", "value": f"{m.value:.6g} {m.unit}".strip()}
                for e in known.evidence
                for m in e.measurements
                if not m.at
            ],
        }
        package = self._element(
            "ai_AIPackage", "model", name=printable(known.subject.name), software_primaryPurpose="model",
            verifiedUsing=[_hash(known.subject.digest)],
        )  # fmt: skip
        return package | {key: value for key, value in given.items() if value}

    def _file(self, number: int, entry: Entry) -> Object:
        kind = self.known.formats.get(entry.path, "")
        told = {"summary": kind} if kind else {}
        return self._element(
            "software_File", f"file-{number}", name=printable(entry.path or self.known.subject.name, 1000),
            verifiedUsing=[_hash(entry.digest)], software_fileKind="file", **told,
        )  # fmt: skip

    def _licence(self, number: int, expression: str) -> Object:
        kind = "simplelicensing_LicenseExpression"
        return self._element(kind, f"licence-{number}", simplelicensing_licenseExpression=expression)

    def _dataset(self, number: int, name: str) -> Object:
        return self._element(
            "dataset_DatasetPackage", f"dataset-{number}", name=printable(name), dataset_datasetType=["noAssertion"],
            software_primaryPurpose="data",
        )  # fmt: skip

    def _finding(self, finding: Finding) -> Object:
        return self._element(
            "security_Vulnerability", finding.fingerprint, name=finding.rule, summary=printable(finding.message, 1000),
            description=printable(f"{finding.severity}, at {finding.place}. {finding.remedy}", 2000),
        )  # fmt: skip

    def _relations(self) -> list[Object]:
        known = self.known
        files = [self.id(f"file-{i}") for i in range(len(known.manifest.files))]
        declared = [self.id("licence-0")] if known.card.licences else [NO_ASSERTION]
        pairs = [("contains", files), ("hasDeclaredLicense", declared), ("hasConcludedLicense", [NO_ASSERTION])]
        if known.card.datasets:
            pairs.append(("trainedOn", [self.id(f"dataset-{i}") for i in range(len(known.card.datasets))]))
        if wrong := [self.id(f.fingerprint) for f in known.findings if f.severity is not Severity.INFO]:
            pairs.append(("hasAssociatedVulnerability", wrong))
        return [
            {**self._element("Relationship", f"relation-{i}", relationshipType=kind, to=to), "from": self.id("model")}
            for i, (kind, to) in enumerate(pairs)
        ]

    def _document(self, own: list[Object]) -> Object:
        profiles = ["core", "software", "simpleLicensing", "security", "dataset"]
        return self._element(
            "SpdxDocument", "document", name=printable(self.known.subject.name), rootElement=[self.id("model")],
            element=[element["spdxId"] for element in own],
            profileConformance=profiles if self.release.missing else [*profiles, "ai"],
        )  # fmt: skip


def _hash(digest: str) -> Object:
    return {"type": "Hash", "algorithm": "sha256", "hashValue": digest.removeprefix("sha256:")}
