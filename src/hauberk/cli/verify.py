"""`hauberk verify`: an outsider checks a dossier, or a model against its signature."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hauberk.core.errors import InputError, VerificationError

from .hashed import told
from .options import emit, now, public_key_option, public_keys, show

if TYPE_CHECKING:
    from hauberk.artifact.verify import Checked
    from hauberk.crypto.trust import Trust

EXAMPLE = """\
examples:
  hauberk verify model/ --key team.pub            # with model/model.sig, or model.sig beside the folder

  broken: model is not what sha256:7d5e… signed
    changed  weights.onnx   102,400 bytes   signed 9f3a01…, now 51cc7e…
    added    hook.py        218 bytes       not in the signature

  hauberk verify model/ --certificate root.pem --identity ml@example.org
  hauberk verify model/ --identity ml@example.org --issuer https://accounts.example.org    # Sigstore keyless

exit 0 as it was signed, 1 it is not or the signature does not hold, 2 it could not be looked at.

  hauberk verify dossier/ --key hauberk.pub --model model.onnx

  verified: 8 pieces of evidence about model.onnx, signed by sha256:7d5e…
  the model in hand is the model that was audited

of a dossier: exit 0 when everything holds; 2 with the reason when anything does not.
"""
MAX_LINES = 50
"""Changed files that are listed."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `hauberk verify` takes."""
    parser.add_argument("path", type=Path, help="a signed model, or the folder that `hauberk audit` wrote")
    public_key_option(parser)
    parser.add_argument("--model", type=Path, metavar="PATH", help="of a dossier: compare this with the audited one")
    signed = parser.add_argument_group("signed models")
    signed.add_argument("--signature", type=Path, metavar="FILE", help="default: model.sig in it, NAME.sig beside it")
    signed.add_argument("--certificate", type=Path, action="append", default=[], metavar="FILE",
                        help="a root to trust, in PEM; may be given again")  # fmt: skip
    signed.add_argument("--identity", default="", metavar="NAME", help="who must have signed: e-mail, URI or host name")
    signed.add_argument("--issuer", default="", metavar="URL", help="Sigstore: who vouches for that name")
    signed.add_argument("--trust-root", type=Path, metavar="FILE", help="Sigstore: a trusted root of your own")
    signed.add_argument("--online", action="store_true", help="Sigstore: fetch its trusted root")
    signed.add_argument("--at", metavar="DAY", help="when it was signed, if you know: certificates are held against it")
    signed.add_argument("--ignore", action="append", default=[], metavar="PATTERN", help="do not compare these files")
    signed.add_argument("--allow-symlinks", action="store_true", help="follow symbolic links to files")
    signed.add_argument("--strict", action="store_true", help="no file may be outside of the signature")
    signed.add_argument("--format", choices=("text", "json", "sarif", "md", "junit", "html"), default="text")
    signed.add_argument("-o", "--output", type=Path, metavar="FILE", help="write there instead of stdout")


def run(args: argparse.Namespace) -> int:
    """Verify, and say what was verified."""
    return _dossier(args) if _is_dossier(args) else _model(args)


def _is_dossier(args: argparse.Namespace) -> bool:
    """By content, unless an option that only one of the two has settles it, or a signature lies with it."""
    if args.model:
        return True
    if args.signature or args.certificate or args.identity or args.issuer or _has_signature(args.path):
        return False
    return all((args.path / name).is_file() for name in ("manifest.json", "dossier.json", "report.json"))


def _has_signature(path: Path) -> bool:
    from hauberk.artifact.verify import INSIDE, beside

    return (path / INSIDE).is_file() or beside(path).is_file()


def _dossier(args: argparse.Namespace) -> int:
    from hauberk.audit.dossier import verify
    from hauberk.report.words import clean

    checked = verify(args.path, public_keys(args.key), now=now(), model=args.model)
    name = clean(checked.dossier.name)
    signers = ", ".join(sorted({v.signer for v in checked.verified}))
    lines = [
        f"verified: {len(checked.verified)} pieces of evidence about {name}, signed by {signers}",
        "the model in hand is the model that was audited" if checked.compared
        else "the model itself was not compared: give --model PATH",
    ]  # fmt: skip
    emit("\n".join(lines), None)
    return 0


def _model(args: argparse.Namespace) -> int:
    if args.format != "text":
        return _evidence(args)
    from hauberk.artifact.verify import look
    from hauberk.report.words import clean

    trust = _trust(args)
    if not args.path.exists():
        raise InputError(f"{args.path}: no such file or folder")
    try:
        checked = look(
            args.path, trust, args.signature, allow_symlinks=args.allow_symlinks, ignore=args.ignore, progress=told(),
        )  # fmt: skip
    except VerificationError as error:
        hint = f"\n  {clean(error.hint)}" if error.hint else ""
        emit(f"broken: the signature of {clean(args.path.name)} does not hold: {clean(str(error))}{hint}", args.output)
        return 1
    emit("\n".join(_lines(args, checked)), args.output)
    return 1 if checked.comparison.changes or (args.strict and checked.comparison.uncovered) else 0


def _trust(args: argparse.Namespace) -> Trust:
    from hauberk.crypto.trust import Trust, moment

    keyed = args.key or not (args.certificate or args.identity or args.issuer)
    return Trust(
        tuple(public_keys(args.key)) if keyed else (), tuple(args.certificate), args.identity, args.issuer,
        args.trust_root, args.online, moment(args.at) if args.at else now(),
    )  # fmt: skip


def _lines(args: argparse.Namespace, checked: Checked) -> list[str]:
    from hauberk.report.words import clean

    seen, signed = checked.comparison, checked.signed
    name, who = clean(args.path.name or str(args.path)), clean(signed.signer)
    uncovered = [clean(path) for path in seen.uncovered]
    verdict = f"broken: {name} is not what {who} signed" if seen.changes else ""
    if args.strict and uncovered and not verdict:
        verdict = f"broken: {name} has files that {who} did not sign"
    counted = f"{seen.files} {'file' if seen.files == 1 else 'files'}, {seen.size:,} bytes"
    lines = [verdict or f"verified: {name} is what {who} signed, by {signed.how}: {counted}"]
    sizes = ["" if c.size is None else f"{c.size:,} bytes" for c in seen.changes]
    rows = [(c.kind, clean(c.path), size, clean(c.detail)) for c, size in zip(seen.changes, sizes, strict=True)]
    wide = max((len(row[1]) for row in rows[:MAX_LINES]), default=0)
    lines += [f"  {kind:<8} {path:<{wide}}  {size:>16}   {detail}" for kind, path, size, detail in rows[:MAX_LINES]]
    if len(rows) > MAX_LINES:
        lines.append(f"  and {len(rows) - MAX_LINES} more")
    if uncovered:
        lines.append("not covered by the signature: " + ", ".join(uncovered[:MAX_LINES]))
    return lines


def _evidence(args: argparse.Namespace) -> int:
    from hauberk.artifact.signature_check import SIGNATURE
    from hauberk.core.nouns import Dossier, Verdict

    options = {
        "signature": str(args.signature or ""), "ignore": args.ignore, "strict": args.strict,
        "allow_symlinks": args.allow_symlinks,
    }  # fmt: skip
    evidence = SIGNATURE.examine(args.path, _trust(args), options)
    model = evidence.subjects[0]
    dossier = Dossier(
        model.name, {"model": model}, {}, (evidence,), (), {SIGNATURE.id: SIGNATURE.title},
        f"hauberk verify {model.name}", evidence.finished, "",
    )  # fmt: skip
    show(args.format, dossier, args.output)
    return {Verdict.HELD: 0, Verdict.BROKEN: 1, Verdict.INCONCLUSIVE: 2}[evidence.verdict]
