"""The Check `artifact.signature`: is this model what somebody signed whom the verifier trusts?

Its evidence is about the model's digest: the files are hashed once, for the digest and for the comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from ..core.canon import Json
from ..core.codec import FrozenMap
from ..core.errors import InputError, VerificationError
from ..core.exhibits import Table
from ..core.limits import Limits
from ..core.notebook import Notebook
from ..core.nouns import Evidence, Measurement, Place, Severity, Subject
from ..core.ports import Inputs, Need
from ..crypto.keys import PublicKey
from ..crypto.trust import Trust, moment
from .compare import Comparison
from .manifest import Links, Manifest, manifest
from .sign import STREAMED
from .verify import Checked, look

CHANGED = ("AML.T0010.003", "CWE-494", "ML06:2023")
FORGED = ("AML.T0010.003", "CWE-347", "ML06:2023")
REMEDY = "get the model again from its source, or have its owner sign what is here"
INVALID = ("malformed", "not-canonical", "bad-signature", "unknown-predicate")
SHOWN = 2000
MAX_FINDINGS = 200
"""Changed files that are findings of their own; the table names more."""


class Signature:
    """Compares the model with its signature."""

    id: str = "artifact.signature"
    version: str = "1"
    title: str = "The model's signature"
    needs: tuple[Need, ...] = (Need.ARTIFACT, Need.SIGNATURE)
    roles: tuple[str, ...] = ("model",)
    defaults: Mapping[str, Json] = FrozenMap({
        "signature": "", "keys": [], "certificates": [], "identity": "", "issuer": "", "trust_root": "",
        "at": "", "allow_symlinks": False, "ignore": [], "strict": False,
    })  # fmt: skip
    tools: tuple[str, ...] = ()

    def run(self, inputs: Inputs, limits: Limits, seed: int) -> Evidence:
        """Verify with the keys or certificates in the options. Raises InputError for what cannot be read, when nobody
        is named to trust, and when the model is not what its subject's digest names."""
        if inputs.artifact is None:
            raise InputError(f"{self.id}: no model file was given")
        book = Notebook(self, inputs, limits, seed)
        seen = manifest(inputs.artifact, limits, inputs.progress)
        if seen.digest != inputs.subjects["model"].digest:
            raise InputError(f"{inputs.artifact}: changed since it was named", hint="audit it again")
        return _written(book, inputs.artifact, seen, trust_in(book.parameters, inputs.clock.now()))

    def examine(self, path: Path, trust: Trust, options: Mapping[str, Json] = FrozenMap({})) -> Evidence:
        """Verify a model that nobody has named yet. Raises InputError for what cannot be read."""
        inputs = Inputs(artifact=path, options={**_shown(trust), **options})
        book = Notebook(self, inputs, Limits(), 0)
        links = Links.FOLLOW if book.parameters["allow_symlinks"] else Links.INSIDE
        seen = manifest(path, STREAMED, links=links)
        model = Subject("model", path.name or path.resolve().name, seen.digest)
        book.inputs = replace(inputs, subjects={"model": model})
        return _written(book, path, seen, trust)


def trust_in(options: Mapping[str, Json], now: datetime) -> Trust:
    """Whom the options name. Raises InputError when that is nobody, or a file cannot be read."""
    keys, certificates = _texts(options, "keys"), _texts(options, "certificates")
    at, root = str(options["at"]), str(options["trust_root"])
    if not (keys or certificates or options["issuer"]):
        raise InputError("artifact.signature: nobody is named to trust", hint='keys = ["team.pub"]')
    return Trust(
        tuple(PublicKey.load(path) for path in keys), tuple(Path(path) for path in certificates),
        str(options["identity"]), str(options["issuer"]), Path(root) if root else None,
        moment=moment(at) if at else now,
    )  # fmt: skip


def _shown(trust: Trust) -> Mapping[str, Json]:
    return {
        "keys": [key.key_id for key in trust.keys], "certificates": [path.name for path in trust.certificates],
        "identity": trust.identity, "issuer": trust.issuer,
        "trust_root": trust.trust_root.name if trust.trust_root else "",
    }  # fmt: skip


def _texts(options: Mapping[str, Json], name: str) -> Sequence[str]:
    value = options[name]
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise InputError(f"artifact.signature: {name} is not a list of texts")
    return [str(item) for item in value]


def _written(book: Notebook, model: Path, seen: Manifest, trust: Trust) -> Evidence:
    given, options = str(book.parameters["signature"]), book.parameters
    try:
        checked = look(
            model, trust, Path(given) if given else None, allow_symlinks=bool(options["allow_symlinks"]),
            ignore=_texts(options, "ignore"), known={entry.path: entry for entry in seen.files},
        )  # fmt: skip
    except VerificationError as error:
        rule = f"artifact.signature.{'invalid' if error.reason in INVALID else 'untrusted'}"
        message = f"the signature does not hold: {error}"
        book.find(rule, Severity.HIGH, "model", Place(), message, remedy=error.hint or REMEDY, references=FORGED)
        return book.evidence()
    _changes(book, checked.comparison)
    _uncovered(book, checked.comparison)
    for name, n in (("files_signed", checked.comparison.files), ("files_unlike", len(checked.comparison.changes))):
        book.measure(Measurement(name, n, n, n, 0.0, n, "count", "counted"))
    book.show(_signer(checked))
    return book.evidence()


def _changes(book: Notebook, seen: Comparison) -> None:
    for change in seen.changes[:MAX_FINDINGS]:
        size = "" if change.size is None else f", {change.size} bytes"
        message = f"this file was {change.kind} after the model was signed{size}: {change.detail}"
        book.find(f"artifact.signature.{change.kind}", Severity.HIGH, "model", Place(change.path), message,
                  remedy=REMEDY, references=CHANGED)  # fmt: skip
    if seen.changes:
        rows = tuple((c.path, c.kind, c.size, c.detail) for c in seen.changes[:SHOWN])
        book.show(Table("unlike", "Files that are not as they were signed", ("file", "what", "bytes", "detail"), rows))


def _uncovered(book: Notebook, seen: Comparison) -> None:
    severity = Severity.HIGH if book.parameters["strict"] else Severity.INFO
    for path in seen.uncovered[:MAX_FINDINGS]:
        message = "the signature says nothing about this: whoever changes it is not noticed"
        book.find("artifact.signature.uncovered", severity, "model", Place(path), message,
                  remedy="remove it, or sign the model with it", references=("CWE-353",))  # fmt: skip


def _signer(checked: Checked) -> Table:
    claim, recipe = checked.comparison.claim, checked.comparison.claim.recipe
    rows = (
        ("signed by", checked.signed.signer), ("known by", checked.signed.how), ("as", claim.name),
        ("digest over all", claim.digest), ("read as", f"{recipe.method}, {recipe.algorithm}"),
        ("left out", ", ".join(recipe.ignore) or "nothing"),
    )  # fmt: skip
    return Table("signature", "What was signed, and by whom", ("what", "value"), rows)


SIGNATURE = Signature()
