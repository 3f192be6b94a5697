"""Attestations: what was signed comes back; everything else is refused, each with its own reason."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hauberk.core.canon import canonical, digest
from hauberk.core.errors import InputError, VerificationError
from hauberk.core.nouns import Evidence, Subject, encode, name_of
from hauberk.crypto import attest, dsse
from hauberk.crypto.attest import DOSSIER, EVIDENCE, PAYLOAD_TYPE, Resource, Statement
from hauberk.crypto.keys import PrivateKey, generate

NOTE = "urn:example:note:1"
REASONS = {
    "malformed", "not-canonical", "wrong-key", "bad-signature", "altered-payload", "unknown-predicate",
    "unknown-version", "other-subject", "expired", "future",
}  # fmt: skip


@pytest.fixture(scope="module")
def envelope(evidence: Evidence, key: PrivateKey) -> bytes:
    return attest.sign_evidence(evidence, key)


@pytest.fixture
def statement(envelope: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(b64decode(json.loads(envelope)["payload"]))
    return found


def refused(envelope: bytes, key: PrivateKey, now: datetime, subject: str | None = None) -> str:
    with pytest.raises(VerificationError) as caught:
        attest.verify_evidence(envelope, [key.public], now=now, subject=subject)
    return caught.value.reason


def signed(plain: Any, key: PrivateKey, payload_type: str = PAYLOAD_TYPE) -> bytes:
    return dsse.sign(payload_type, plain if isinstance(plain, bytes) else canonical(plain), key)


def test_evidence_comes_back(
    evidence: Evidence, envelope: bytes, key: PrivateKey, model: Subject, now: datetime
) -> None:
    verified = attest.verify_evidence(envelope, [key.public], now=now, subject=model.digest)
    assert (verified.evidence, verified.signer) == (evidence, key.key_id)
    assert name_of(verified.evidence) == name_of(evidence)


def test_the_payload_is_an_in_toto_statement(evidence: Evidence, statement: dict[str, Any]) -> None:
    assert set(statement) == {"_type", "subject", "predicateType", "predicate"}
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "urn:hauberk:evidence:1"
    assert [(s["name"], "sha256:" + s["digest"]["sha256"]) for s in statement["subject"]] == [
        (s.name, s.digest) for s in evidence.subjects
    ]
    assert canonical(statement["predicate"]) == canonical(encode(evidence))


def test_wrong_key(envelope: bytes, key: PrivateKey, stranger: PrivateKey, now: datetime) -> None:
    assert refused(envelope, stranger, now) == "wrong-key"


def test_altered_signature(envelope: bytes, key: PrivateKey, now: datetime) -> None:
    plain, other = json.loads(envelope), json.loads(signed({"a": 1}, key))
    plain["signatures"] = other["signatures"]
    assert refused(canonical(plain), key, now) == "bad-signature"


def test_altered_payload(envelope: bytes, statement: dict[str, Any], key: PrivateKey, now: datetime) -> None:
    plain = json.loads(envelope)
    broken = json.loads(signed(canonical(statement) + b" ", key))
    assert refused(canonical(plain | {"payload": broken["payload"]}), key, now) == "altered-payload"
    assert refused(canonical(plain | {"payloadType": "text/plain"}), key, now) == "altered-payload"


@pytest.mark.parametrize("depth", [100, 450, 700, 950, 3000])
def test_deep_nesting_is_refused_not_a_crash(
    statement: dict[str, Any], key: PrivateKey, now: datetime, depth: int
) -> None:
    """Whether or not it is signed: a reader must not fall over what a stranger sent."""
    nest = b"[" * depth + b"]" * depth
    outside = canonical(statement).replace(b'"seed":7', b'"seed":' + nest)
    inside = canonical(statement).replace(b'"eps":0.1', b'"deep":' + nest + b',"eps":0.1', 1)
    for payload in (nest, outside):
        assert refused(signed(payload, key), key, now) == "malformed"
    if depth >= 700:  # below, it depends on how much of the stack is taken
        assert refused(signed(inside, key), key, now) == "malformed"
    for payload in (nest, outside, inside):
        unsigned = json.loads(signed(payload, key)) | {"signatures": json.loads(signed(b"", key))["signatures"]}
        assert refused(canonical(unsigned), key, now) in {"altered-payload", "bad-signature"}


def test_a_better_number_does_not_fit_the_signature(
    envelope: bytes, statement: dict[str, Any], key: PrivateKey, now: datetime
) -> None:
    statement["predicate"]["measurements"][0]["low"] = 0.45
    better = json.loads(signed(statement, key)) | {"signatures": json.loads(envelope)["signatures"]}
    assert refused(canonical(better), key, now) == "bad-signature"


def test_other_subject(envelope: bytes, key: PrivateKey, now: datetime) -> None:
    assert refused(envelope, key, now, subject=digest(b"another model")) == "other-subject"


def test_a_statement_about_other_subjects_than_its_evidence(
    statement: dict[str, Any], key: PrivateKey, now: datetime
) -> None:
    for change in ({"name": "renamed"}, {"digest": {"sha256": "0" * 64}}):
        subjects = [statement["subject"][0] | change, *statement["subject"][1:]]
        assert refused(signed(statement | {"subject": subjects}, key), key, now) == "other-subject"
    assert refused(signed(statement | {"subject": statement["subject"][:1]}, key), key, now) == "other-subject"


def test_expiry_is_exact_and_in_any_zone(evidence: Evidence, envelope: bytes, key: PrivateKey) -> None:
    end = datetime(2026, 4, 1, tzinfo=UTC)
    attest.verify_evidence(envelope, [key.public], now=end - timedelta(microseconds=1))
    assert refused(envelope, key, end) == "expired"
    assert refused(envelope, key, end.astimezone(timezone(timedelta(hours=-9)))) == "expired"


@pytest.mark.parametrize("text", ["", "never", "2027-1-1T00:00:00Z", "2027-01-01T00:00:00+00:00", "2027-01-01"])
def test_an_expiry_in_another_form(evidence: Evidence, key: PrivateKey, now: datetime, text: str) -> None:
    assert refused(attest.sign_evidence(replace(evidence, expires=text), key), key, now) == "malformed"


def test_unknown_kinds_and_versions(statement: dict[str, Any], key: PrivateKey, now: datetime) -> None:
    newer = statement["predicate"] | {"schema": "hauberk/evidence/2"}
    for change, reason in (
        ({"predicateType": "urn:hauberk:evidence:2"}, "unknown-version"),
        ({"predicate": newer}, "unknown-version"),
        ({"_type": "https://in-toto.io/Statement/v2"}, "unknown-version"),
        ({"predicateType": "https://slsa.dev/provenance/v1"}, "unknown-predicate"),
        ({"predicateType": DOSSIER}, "unknown-predicate"),
        ({"predicateType": ""}, "unknown-predicate"),
    ):
        assert refused(signed(statement | change, key), key, now) == reason, change
    assert refused(signed(statement, key, "application/json"), key, now) == "unknown-predicate"


def test_payloads_in_another_form(statement: dict[str, Any], key: PrivateKey, now: datetime) -> None:
    written = canonical(statement)
    for other in (
        written + b"\n",
        json.dumps(statement).encode(),
        written.replace(b'"low":0.4,', b'"low":0.40,'),
        written.replace(b'"n":100', b'"n":1e2'),
        written.replace(b'"n":100', b'"n":100.0'),
    ):
        assert json.loads(other) == statement
        assert refused(signed(other, key), key, now) == "not-canonical"


def test_a_default_left_out_is_not_the_one_form(statement: dict[str, Any], key: PrivateKey, now: datetime) -> None:
    del statement["predicate"]["findings"][0]["remedy"]
    assert refused(signed(statement, key), key, now) == "not-canonical"


def test_payloads_that_are_not_statements(statement: dict[str, Any], key: PrivateKey, now: datetime) -> None:
    subject = statement["subject"][0]
    changes: list[dict[str, Any]] = [
        {"_type": None}, {"_type": "https://example.org"}, {"extra": 1}, {"subject": []}, {"subject": {}},
        {"subject": None}, {"subject": ["x"]}, {"subject": [subject | {"uri": "x"}]}, {"subject": [{"name": "x"}]},
        {"subject": [subject | {"name": 7}]}, {"subject": [subject | {"digest": {"sha256": "0" * 63}}]},
        {"subject": [subject | {"digest": {"sha256": "A" * 64}}]}, {"subject": [subject | {"digest": {"md5": "0"}}]},
        {"subject": [subject | {"digest": subject["digest"] | {"sha512": "0"}}]}, {"predicateType": 7},
        {"predicate": []}, {"predicate": "x"}, {"predicate": {}}, {"predicate": {"schema": "hauberk/evidence/1"}},
        {"predicate": statement["predicate"] | {"extra": 1}}, {"predicate": statement["predicate"] | {"seed": "7"}},
    ]  # fmt: skip
    for change in changes:
        assert refused(signed(statement | change, key), key, now) == "malformed", change
    for payload in (b"", b"[]", b"7", b"\xff", b'{"a":1,"a":1}', b"[" * 3000 + b"]" * 3000):
        assert refused(signed(payload, key), key, now) == "malformed", payload[:9]


def test_what_would_not_verify_is_not_signed(evidence: Evidence, key: PrivateKey) -> None:
    with pytest.raises(InputError, match="at least one subject"):
        attest.sign_evidence(replace(evidence, subjects=()), key)
    with pytest.raises(InputError, match="canonical"):
        attest.sign_evidence(replace(evidence, parameters={"eps": float("nan")}), key)
    with pytest.raises(InputError):
        attest.sign_evidence(replace(evidence, seed="7"), key)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="is not sha256"):
        Resource("a", "sha256:" + "A" * 64)


def test_statements_of_other_kinds(key: PrivateKey) -> None:
    files = (Resource("report.html", digest(b"1")), Resource("evidence/a.json", digest(b"2")))
    statement = Statement(files, DOSSIER, {"name": "fraud", "files": [{"form": "x", "size": 1}], "form": {"form": 1}})
    envelope = attest.sign_statement(statement, key)
    found = attest.verify_statement(envelope, [key.public], predicate_type=DOSSIER)
    assert (found.statement, found.signer) == (statement, key.key_id)
    for expected, reason in ((EVIDENCE, "unknown-predicate"), ("urn:hauberk:dossier:2", "unknown-version")):
        with pytest.raises(VerificationError) as caught:
            attest.verify_statement(envelope, [key.public], predicate_type=expected)
        assert caught.value.reason == reason


@settings(max_examples=1000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_one_flipped_bit_anywhere_is_refused(
    envelope: bytes, evidence: Evidence, key: PrivateKey, now: datetime, data: st.DataObject
) -> None:
    bit = data.draw(st.integers(0, 8 * len(envelope) - 1))
    flipped = bytearray(envelope)
    flipped[bit // 8] ^= 1 << bit % 8
    assert refused(bytes(flipped), key, now) in REASONS - {"expired", "other-subject"}


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(cut=st.data())
def test_bytes_lost_doubled_or_swapped_are_refused(
    envelope: bytes, key: PrivateKey, now: datetime, cut: st.DataObject
) -> None:
    start = cut.draw(st.integers(0, len(envelope) - 1))
    end = cut.draw(st.integers(start, len(envelope)))
    for other in (envelope[:start], envelope[start:], envelope[:end] + envelope[start:]):
        if other != envelope:
            refused(other, key, now)


def test_the_flips_within_one_base64_group_of_each_field(envelope: bytes, key: PrivateKey, now: datetime) -> None:
    """All bits around the ends of the payload and the signature, where padding leaves idle bits."""
    places = [envelope.index(b'","payloadType"'), envelope.index(b'"}]}')]
    for place in places:
        for bit in range(8 * (place - 5), 8 * (place + 2)):
            flipped = bytearray(envelope)
            flipped[bit // 8] ^= 1 << bit % 8
            refused(bytes(flipped), key, now)


def test_many_trusted_keys(envelope: bytes, key: PrivateKey, now: datetime) -> None:
    keys = [generate().public for _ in range(3)] + [key.public]
    assert attest.verify_evidence(envelope, keys, now=now).signer == key.key_id


@pytest.mark.parametrize(
    ("field", "moment"), [("finished", "2026-03-01T00:00:00Z"), ("started", "2026-02-01T00:06:00Z")]
)
def test_evidence_from_the_future(
    evidence: Evidence, key: PrivateKey, now: datetime, field: str, moment: str
) -> None:
    """It would pass for fresh long after it was made."""
    envelope = attest.sign_evidence(replace(evidence, **{field: moment}), key)
    assert refused(envelope, key, now) == "future"
    assert attest.verify_evidence(envelope, [key.public], now=now + timedelta(days=40)).evidence.check == evidence.check


def test_clocks_that_differ_a_little(evidence: Evidence, key: PrivateKey, now: datetime) -> None:
    envelope = attest.sign_evidence(replace(evidence, finished="2026-02-01T00:04:59Z"), key)
    assert attest.verify_evidence(envelope, [key.public], now=now)


@pytest.mark.parametrize("field", ["started", "finished", "expires"])
@pytest.mark.parametrize("text", ["", "tomorrow", "2026-01-01", "2026-01-01T00:00:00+00:00", "9999-12-31T23:59:60Z"])
def test_moments_that_are_none(evidence: Evidence, key: PrivateKey, now: datetime, field: str, text: str) -> None:
    assert refused(attest.sign_evidence(replace(evidence, **{field: text}), key), key, now) == "malformed"
