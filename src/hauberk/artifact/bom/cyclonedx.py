"""CycloneDX 1.6 or 1.7, JSON: an ML-BOM (ECMA-424; https://cyclonedx.org/docs/1.7/json/).

    model    -> metadata.component, of type machine-learning-model, with its model card and its files below it
    finding  -> vulnerability that affects a file
    evidence -> declarations: a claim about the model, with the evidence, held or not, and when it expires
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from ... import __version__
from ...core.nouns import Evidence, Finding, Measurement, Verdict, name_of
from ..manifest import Entry
from ..walk import printable
from .card import Card
from .inventory import Inventory

VERSIONS = ("1.6", "1.7")
STANDARD = "hauberk-checks"
SCORES = {Verdict.HELD: 1.0, Verdict.INCONCLUSIVE: 0.5, Verdict.BROKEN: 0.0}
"""Conformance of a claim. Inconclusive is half way: it is neither known to hold nor known to fail."""
_CWE = re.compile(r"CWE-(\d+)")

Object = dict[str, Any]


def render(known: Inventory, version: str = "1.6") -> Object:
    """The bill of materials as plain JSON; the same inventory gives the same one."""
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{version}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": version,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, known.subject.digest)}",
        "version": 1,
        "metadata": {
            "timestamp": known.created,
            "tools": {"components": [{"type": "application", "name": "hauberk", "version": __version__}]},
            "component": _model(known),
        },
        "components": [_dataset(name) for name in known.card.datasets],
        "compositions": [{"aggregate": "complete", "assemblies": [known.subject.digest]}],
        "vulnerabilities": [_vulnerability(known, finding) for finding in known.findings],
        **_declarations(known),
    }


def _model(known: Inventory) -> Object:
    card, files = known.card, known.manifest.files
    model: Object = {
        "type": "machine-learning-model",
        "bom-ref": known.subject.digest,
        "name": printable(known.subject.name),
        "modelCard": _model_card(known),
        "properties": _properties({"hauberk:digest": known.subject.digest, "hauberk:card": ", ".join(card.sources)}),
    }
    if not known.manifest.folder:
        model["hashes"] = [_hash(files[0])]
        model["properties"] += _properties({"hauberk:format": known.formats.get("", "")})
    else:
        model["components"] = [_file(known, entry) for entry in files]
    if card.licences:
        model["licenses"] = [{"license": {"id": one.id} if one.id else {"name": one.name}} for one in card.licences]
    if card.description:
        model["description"] = printable(card.description, 500)
    if card.tags:
        model["tags"] = [printable(tag) for tag in card.tags]
    if card.base_models:
        ancestors = [{"type": "machine-learning-model", "name": printable(name)} for name in card.base_models]
        model["pedigree"] = {"ancestors": ancestors}
    return model


def _file(known: Inventory, entry: Entry) -> Object:
    kind = {"hauberk:format": known.formats.get(entry.path, ""), "hauberk:bytes": str(entry.size)}
    return {
        "type": "file", "bom-ref": _ref(entry.path), "name": printable(entry.path, 1000), "hashes": [_hash(entry)],
        "properties": _properties(kind),
    }  # fmt: skip


def _ref(path: str) -> str:
    return f"file:{quote(path)}"


def _hash(entry: Entry) -> Object:
    return {"alg": "SHA-256", "content": entry.digest.removeprefix("sha256:")}


def _dataset(name: str) -> Object:
    data = [{"type": "dataset", "name": printable(name)}]
    return {"type": "data", "bom-ref": f"dataset:{printable(name)}", "name": printable(name), "data": data}


def _properties(pairs: dict[str, str]) -> list[Object]:
    return [{"name": name, "value": printable(value, 1000)} for name, value in pairs.items() if value]


def _model_card(known: Inventory) -> Object:
    parameters = _parameters(known.card)
    metrics = [_metric(e, m) for e in known.evidence for m in e.measurements]
    return {
        **({"modelParameters": parameters} if parameters else {}),
        "quantitativeAnalysis": {"performanceMetrics": metrics},
    }


def _parameters(card: Card) -> Object:
    pairs = {"task": card.task, "architectureFamily": card.family, "modelArchitecture": card.architecture}
    parameters: Object = {key: printable(value) for key, value in pairs.items() if value}
    if card.datasets:
        parameters["datasets"] = [{"ref": f"dataset:{printable(name)}"} for name in card.datasets]
    return parameters


def _metric(evidence: Evidence, m: Measurement) -> Object:
    metric = {"type": f"{evidence.check}.{m.name}", "value": f"{m.value:.6g} {m.unit}".strip()}
    where = ", ".join(f"{key}={value}" for key, value in m.at.items())
    if where:
        metric["slice"] = printable(where)
    if m.confidence:
        return metric | {"confidenceInterval": {"lowerBound": f"{m.low:.6g}", "upperBound": f"{m.high:.6g}"}}
    return metric


def _vulnerability(known: Inventory, finding: Finding) -> Object:
    paths = {entry.path for entry in known.manifest.files if known.manifest.folder}
    owner = finding.place.path.partition("!")[0]
    cwes = [int(match[1]) for reference in finding.references if (match := _CWE.fullmatch(reference))]
    named = [r for r in finding.references if r.startswith(("CVE-", "GHSA-"))]
    return {
        "bom-ref": finding.fingerprint,
        "id": finding.rule,
        "source": {"name": "hauberk"},
        "references": [{"id": one, "source": {"name": one.partition("-")[0]}} for one in named],
        "ratings": [{"severity": finding.severity.value, "method": "other"}],
        "cwes": cwes,
        "description": printable(finding.message, 2000),
        "detail": printable(str(finding.place), 1000),
        "recommendation": printable(finding.remedy, 1000),
        "affects": [{"ref": _ref(owner) if owner in paths else known.subject.digest}],
        "properties": _properties({"hauberk:references": ", ".join(finding.references)}),
    }


def _declarations(known: Inventory) -> Object:
    """Evidence as attestations against a standard of our own: each check is one requirement."""
    checks = list(dict.fromkeys(e.check for e in known.evidence))
    requirements = [
        {"bom-ref": f"check:{check}", "identifier": check, "text": known.titles.get(check, check)} for check in checks
    ]
    standard = {
        "bom-ref": STANDARD, "name": "Hauberk checks", "version": __version__, "owner": "The Hauberk maintainers",
        "requirements": requirements,
    }  # fmt: skip
    assessor = {"bom-ref": "assessor", "thirdParty": False, "organization": {"name": known.signer or "unsigned"}}
    return {
        "declarations": {
            "assessors": [assessor],
            "attestations": [{"summary": "what Hauberk saw", "assessor": "assessor", "map": [*_map(known)]}],
            "claims": [_claim(known, e) for e in known.evidence],
            "evidence": [_evidence(e) for e in known.evidence],
        },
        "definitions": {"standards": [standard]},
    }


def _map(known: Inventory) -> Iterator[Object]:
    for e in known.evidence:
        conformance = {"score": SCORES[e.verdict], "rationale": e.verdict.value}
        yield {"requirement": f"check:{e.check}", "claims": [f"claim:{name_of(e)}"], "conformance": conformance}


def _claim(known: Inventory, e: Evidence) -> Object:
    proof = "evidence" if e.verdict is Verdict.HELD else "counterEvidence"
    return {
        "bom-ref": f"claim:{name_of(e)}",
        "target": known.subject.digest,
        "predicate": f"{known.titles.get(e.check, e.check)}: nothing was found and everything was looked at",
        "reasoning": f"the verdict is {e.verdict.value}",
        proof: [name_of(e)],
    }


def _evidence(e: Evidence) -> Object:
    seen = f"{len(e.findings)} findings, {len(e.measurements)} measurements, {len(e.skipped)} parts skipped"
    gaps = [printable(f"{gap.what}: {gap.why}", 1000) for gap in e.skipped]
    data = [
        {"name": words, "contents": {"attachment": {"contentType": "text/plain", "content": text}}}
        for words, text in (("summary", seen), ("not looked at", "\n".join(gaps)))
        if text
    ]
    return {
        "bom-ref": name_of(e), "propertyName": e.check, "data": data, "created": e.finished, "expires": e.expires,
        "author": {"name": f"hauberk {e.tools.get('hauberk', '')}".strip()},
    }  # fmt: skip
