"""Attestations: what we state about subjects, as in-toto Statement v1, signed in a DSSE envelope.

`verify_evidence` returns the Evidence or raises; every refusal has its own reason:

    malformed          not an envelope, or not a statement
    not-canonical      the same content, written in another way than the one way
    wrong-key          signed by a key that is not trusted
    bad-signature      the signature does not fit: it, or the payload, was changed
    altered-payload    … and the payload is no longer anything that Hauberk writes: it was changed
    unknown-predicate  a statement of another kind
    unknown-version    the right kind, in a version that this Hauberk does not know
    other-subject      about something else
    expired            was valid until a moment that has passed
    future             says that it was made at a moment that has not come yet
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ..core.canon import Json, canonical, is_digest, parse_json
from ..core.codec import Frozen, freeze
from ..core.errors import InputError, VerificationError
from ..core.nouns import Evidence, Verified, decode, encode, name_of
from ..core.ports import stamp
from . import dsse
from .keys import PrivateKey, PublicKey

PAYLOAD_TYPE = dsse.IN_TOTO
STATEMENT = "https://in-toto.io/Statement/v1"
EVIDENCE = "urn:hauberk:evidence:1"
DOSSIER = "urn:hauberk:dossier:1"
SKEW = timedelta(minutes=5)
"""Clocks of honest machines differ by less than this."""


@dataclass(frozen=True)
class Resource(Frozen):
    """What a statement is about. digest: `sha256:<hex>`."""

    name: str
    digest: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_digest(self.digest):
            raise InputError(f"resource {self.name!r}: digest {self.digest!r} is not sha256:<64 hex digits>")


@dataclass(frozen=True)
class Statement(Frozen):
    """Subjects, and what is stated about them: a predicate of a type that ends with its version."""

    subjects: tuple[Resource, ...]
    predicate_type: str
    predicate: Mapping[str, Json]


@dataclass(frozen=True)
class VerifiedStatement:
    """A statement whose signature was verified, and the id of the key that signed it."""

    statement: Statement
    signer: str


def sign_evidence(evidence: Evidence, key: PrivateKey) -> bytes:
    """Evidence as a signed envelope, after reading it back from its own bytes.

    Raises InputError for evidence about nothing, or that would not be the same after a round trip.
    """
    if name_of(decode(Evidence, parse_json(canonical(encode(evidence)), what="evidence"))) != name_of(evidence):
        raise InputError(f"evidence of {evidence.check} does not survive a round trip through JSON")
    return sign_statement(_statement_of(evidence), key)


def sign_statement(statement: Statement, key: PrivateKey) -> bytes:
    """Any statement as a signed envelope. Raises InputError when it is about nothing."""
    if not statement.subjects:
        raise InputError("a statement needs at least one subject")
    return dsse.sign(PAYLOAD_TYPE, canonical(_plain(statement)), key)


def verify_evidence(
    envelope: bytes, keys: Iterable[PublicKey], *, now: datetime, subject: str | None = None
) -> Verified:
    """The evidence in an envelope, once everything about it holds.

    keys: those that are trusted. now: with a time zone. subject: a digest that the evidence must be about.
    Raises VerificationError with one of the reasons above.
    """
    # 1. to 5. The envelope, its signer, its signature, its payload and the kind of statement.
    verified = verify_statement(envelope, keys, predicate_type=EVIDENCE)

    # 6. The predicate is Evidence of a schema that we know, with nothing left out that we would fill in.
    evidence = _evidence(verified.statement.predicate)

    # 7. The statement names the same subjects as the evidence, and the one that was asked for is among them.
    if verified.statement.subjects != _resources(evidence):
        raise VerificationError("the statement names other subjects than its evidence", reason="other-subject")
    digests = [s.digest for s in evidence.subjects]
    if subject is not None and subject not in digests:
        raise VerificationError(
            f"{evidence.check} is about {', '.join(digests)}, expected {subject}",
            reason="other-subject",
            hint="the model or data changed after the audit: run the audit again",
        )

    # 8. It was made before now, and has not expired.
    _not_from_the_future(evidence, now)
    if now >= _moment(evidence.expires):
        raise VerificationError(
            f"{evidence.check} expired at {evidence.expires}, it is {stamp(now)}",
            reason="expired",
            hint="run the audit again",
        )
    return Verified(evidence, verified.signer)


def verify_statement(
    envelope: bytes, keys: Iterable[PublicKey], *, predicate_type: str
) -> VerifiedStatement:
    """The statement in an envelope, once its signature holds and it is of the type that was asked for.

    Raises VerificationError with one of the reasons above (never other-subject nor expired).
    """
    # 1. The envelope is written in the one way in which envelopes are written.
    read = dsse.read(envelope)

    # 2. It names a key that is trusted. 3. That key signed this payload, these very bytes.
    try:
        opened = dsse.verify(read, keys)
    except VerificationError as error:
        if error.reason == "bad-signature" and not _is_ours(read):
            raise VerificationError("the payload was changed after signing", reason="altered-payload") from error
        raise

    # 4. The payload is an in-toto Statement v1 in canonical JSON.
    statement = _parse(opened)

    # 5. It is of the kind and version that was asked for.
    if statement.predicate_type != predicate_type:
        _refuse_predicate(statement.predicate_type, predicate_type)
    return VerifiedStatement(statement, opened.signer)


def _statement_of(evidence: Evidence) -> Statement:
    return Statement(_resources(evidence), EVIDENCE, encode(evidence))


def _resources(evidence: Evidence) -> tuple[Resource, ...]:
    return tuple(Resource(s.name, s.digest) for s in evidence.subjects)


def _plain(statement: Statement) -> Json:
    return {
        "_type": STATEMENT,
        "predicate": encode(statement.predicate),
        "predicateType": statement.predicate_type,
        "subject": [_subject(s) for s in statement.subjects],
    }


def _is_ours(envelope: dsse.Envelope) -> bool:
    """Whether a payload is at least written as we write them; asked only to say what was altered."""
    try:
        return envelope.payload_type == PAYLOAD_TYPE and bool(_parse(envelope))
    except VerificationError:
        return False


def _parse(opened: dsse.Opened | dsse.Envelope) -> Statement:
    if opened.payload_type != PAYLOAD_TYPE:
        raise VerificationError(
            f"payload is {opened.payload_type!r}, expected {PAYLOAD_TYPE!r}", reason="unknown-predicate"
        )
    try:
        plain = parse_json(opened.payload, what="JSON")
        if canonical(plain) != opened.payload:
            raise VerificationError("statement: not written in canonical form", reason="not-canonical")
        return _statement(plain)
    except (InputError, RecursionError) as error:
        raise VerificationError(f"statement: {error}", reason="malformed") from error


def _statement(plain: Json) -> Statement:
    if not isinstance(plain, dict) or not str(plain.get("_type")).startswith("https://in-toto.io/Statement/"):
        raise VerificationError("payload is not an in-toto statement", reason="malformed")
    if plain["_type"] != STATEMENT:
        raise VerificationError(f"statement is {plain['_type']}, expected {STATEMENT}", reason="unknown-version")
    try:
        subjects = tuple(_resource(subject) for subject in plain["subject"])
        kind, predicate = plain["predicateType"], plain["predicate"]
    except (InputError, KeyError, TypeError) as error:
        raise VerificationError(f"statement: subject or predicate: {error}", reason="malformed") from error
    if not (len(plain) == 4 and subjects and isinstance(kind, str) and isinstance(predicate, dict)):
        raise VerificationError(
            "statement: no subject, no predicate, or a field that does not belong there", reason="malformed"
        )
    return Statement(subjects, kind, predicate)


def _resource(plain: Any) -> Resource:
    found = decode(Resource, {"name": plain["name"], "digest": f"sha256:{plain['digest']['sha256']}"})
    if _subject(found) != plain:
        raise InputError(f"subject {found.name!r} has a field that does not belong there")
    return found


def _subject(resource: Resource) -> Json:
    return {"digest": {"sha256": resource.digest.removeprefix("sha256:")}, "name": resource.name}


def _refuse_predicate(found: str, expected: str) -> None:
    kind, _, version = expected.rpartition(":")
    if found.rpartition(":")[0] == kind:
        raise VerificationError(
            f"predicate is {found}, this Hauberk knows version {version}",
            reason="unknown-version",
            hint="pip install --upgrade hauberk",
        )
    raise VerificationError(f"predicate is {found}, expected {expected}", reason="unknown-predicate")


def _evidence(predicate: Mapping[str, Json]) -> Evidence:
    schema = predicate.get("schema")
    if schema != Evidence.schema and str(schema).startswith("hauberk/evidence/"):
        raise VerificationError(
            f"evidence is {schema}, this Hauberk knows {Evidence.schema}",
            reason="unknown-version",
            hint="pip install --upgrade hauberk",
        )
    try:
        evidence = decode(Evidence, predicate)
        complete = freeze(encode(evidence)) == predicate
    except (InputError, RecursionError) as error:
        raise VerificationError(f"evidence: {error}", reason="malformed") from error
    if not complete:
        raise VerificationError("evidence: a field with a default was left out", reason="not-canonical")
    return evidence


def _not_from_the_future(evidence: Evidence, now: datetime) -> None:
    """Evidence dated ahead would pass for fresh long after it was made: a wrong clock, or a lie."""
    if max(_moment(evidence.started, "started"), _moment(evidence.finished, "finished")) > now + SKEW:
        raise VerificationError(
            f"{evidence.check} says that it was made at {evidence.finished}, it is {stamp(now)}",
            reason="future",
            hint="set the clock of this machine or of the one that made it, then run the audit again",
        )


def _moment(text: str, name: str = "expires") -> datetime:
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        moment = None
    if moment is None or stamp(moment) != text:
        raise VerificationError(
            f"{name} is {text!r}, expected such as 2026-01-02T03:04:05Z", reason="malformed"
        )
    return moment
