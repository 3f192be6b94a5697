"""Verify a model from its signature file: who signed, what was signed, and whether it is what lies here.

    checked = verify(model, trust, signature_file)      # raises unless everything holds
    checked.signed.signer, checked.comparison.uncovered
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import InputError
from ..core.limits import Limits
from ..core.ports import Progress, silent
from ..crypto.bundle import MAX_BYTES, Signed
from ..crypto.trust import Trust
from .compare import Comparison, compare, holds
from .hashing import open_regular
from .manifest import Entry
from .sign import STREAMED, left_out, place_in
from .signature import read_statement

INSIDE = "model.sig"
"""The name of a signature that travels in a model's folder."""


@dataclass(frozen=True)
class Checked:
    """A signature that holds, and the model held against it: `comparison.changes` says what is not as it was signed."""

    signed: Signed
    comparison: Comparison


def verify(model: Path, trust: Trust, signature: Path | None = None) -> Checked:
    """A model that is what a trusted signer signed. Raises as `look`; VerificationError (altered-model) otherwise."""
    checked = look(model, trust, signature)
    holds(checked.comparison)
    return checked


def look(
    model: Path,
    trust: Trust,
    signature: Path | None = None,
    *,
    limits: Limits = STREAMED,
    progress: Progress = silent,
    allow_symlinks: bool = False,
    ignore: Sequence[str] = (),
    known: Mapping[str, Entry] | None = None,
) -> Checked:
    """Verify the signature, then compare the model with what was signed.

    ignore: patterns of files that are knowingly not compared; the signature file itself never is.
    Raises VerificationError for a signature that does not hold, InputError for what cannot be read.
    """
    place = signature or signature_of(model)
    # (1) Somebody who is trusted signed this payload. (2) It is a statement about a model's files.
    signed = trust.verify(read_signature(place))
    claim = read_statement(signed.payload)
    # (3) The files are those files.
    own = place_in(model, place) if model.is_dir() else ""
    skipped = (*left_out(model, ignore), *((own,) if own else ()))
    comparison = compare(
        model, claim, limits=limits, progress=progress, allow_symlinks=allow_symlinks, ignore=skipped, known=known
    )
    uncovered = tuple(path for path in dict.fromkeys(comparison.uncovered) if path != own)
    return Checked(signed, Comparison(claim, comparison.changes, uncovered, comparison.files, comparison.size))


def signature_of(model: Path) -> Path:
    """Where a model's signature is expected: `model.sig` in its folder, else NAME.sig beside it. Raises InputError."""
    for place in (model / INSIDE, beside(model)):
        if place.is_file():
            return place
    raise InputError(f"{model}: there is no signature with it", hint="give --signature FILE, or `hauberk sign` first")


def beside(model: Path) -> Path:
    """NAME.sig in the folder that holds the model."""
    real = model if model.name not in ("", "..") else model.resolve()
    return real.with_name(real.name + ".sig")


def read_signature(path: Path) -> bytes:
    """The bytes of a signature file. Raises InputError when it cannot be read or is far too large for one."""
    with open(open_regular(path), "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise InputError(f"{path}: more than {MAX_BYTES} bytes, so no signature")
    return content
