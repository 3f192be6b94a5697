"""`hauberk sign`: sign a model's files."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from hauberk.core.errors import InputError

from .hashed import told
from .options import emit, private_key, say

if TYPE_CHECKING:
    from hauberk.artifact.signature import Claim

EXAMPLE = """\
examples:
  hauberk key new team --algorithm ecdsa-p256     # once: team.key, team.pub
  hauberk sign model/ --key team.key

  signed: model, 12 files, with ecdsa-p256 sha256:7d5e…
  model.sig

  hauberk sign model/ --key team.key --ignore 'runs/*' -o model/model.sig
  hauberk sign model/ --key leaf.key --certificate chain.pem    # the signer's certificate first
  hauberk sign model/ --keyless                   # Sigstore; uses the network (extra `sign`)

the OpenSSF command `model_signing` verifies what is signed with an ECDSA key or certificate.
exit 0 signed; 2 when it could not be.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `hauberk sign` takes."""
    parser.add_argument("model", type=Path, help="a file or a folder")
    parser.add_argument("--key", type=Path, metavar="FILE", help="the private key (default: $HAUBERK_KEY, your own)")
    parser.add_argument("--certificate", type=Path, action="append", default=[], metavar="FILE",
                        help="the key's certificate, then those above it, in PEM; may be given again")  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: NAME.sig beside the model")
    parser.add_argument("--ignore", action="append", default=[], metavar="PATTERN", help="leave these files out")
    parser.add_argument("--git", action="store_true", help="sign .git, .github and the like as well")
    parser.add_argument("--allow-symlinks", action="store_true", help="follow symbolic links to files")
    parser.add_argument("--shards", type=int, nargs="?", const=0, metavar="BYTES",
                        help="sign pieces of that size (1 GB), so that one large file uses all cores")  # fmt: skip
    parser.add_argument("--hash", choices=("sha256", "blake2b", "blake3"), default="sha256", help="default: sha256")
    keyless = parser.add_argument_group("Sigstore keyless (extra `sign`; these use the network)")
    keyless.add_argument("--keyless", action="store_true", help="sign with your identity instead of a key")
    keyless.add_argument("--identity-token", default="", metavar="TOKEN", help="default: that of the CI job, a browser")
    keyless.add_argument("--trust-config", type=Path, metavar="FILE", help="the configuration of a private Sigstore")


def run(args: argparse.Namespace) -> int:
    """Hash, sign, write the signature."""
    from hauberk.artifact.sign import claim_of, left_out, place_in, recipe
    from hauberk.artifact.signature import GIT_PATHS
    from hauberk.artifact.verify import beside

    output = args.output or beside(args.model)
    _writable(output)
    own = place_in(args.model, output) if args.model.is_dir() else ""
    ignore = (*left_out(args.model, args.ignore), *((own,) if own else ()))
    how = recipe(shard_size=args.shards, hash_type=args.hash, allow_symlinks=args.allow_symlinks, ignore=ignore,
                 git=args.git)  # fmt: skip
    claim = claim_of(args.model, how, progress=told())
    content, signer = _signed(args, claim)
    _write(output, content)
    skipped = [p for p in how.ignore if p != own and (p not in GIT_PATHS or (args.model / p).exists())]
    if args.model.is_dir() and skipped:
        say("left out, so not protected: " + ", ".join(skipped))
    files = len(claim.files())
    emit(f"signed: {claim.name}, {files} {'file' if files == 1 else 'files'}, {signer}\n{output}", None)
    return 0


def _signed(args: argparse.Namespace, claim: Claim) -> tuple[bytes, str]:
    from hauberk.artifact.signature import write_statement

    payload = write_statement(claim)
    if args.keyless:
        from hauberk.crypto import keyless

        content = keyless.sign(payload, token=args.identity_token, trust_config=args.trust_config)
        return content, "with Sigstore"
    from hauberk.crypto import bundle

    key = private_key(args.key)
    if key.algorithm == "ed25519":
        say("note: this is an Ed25519 key; model_signing verifies ECDSA only (hauberk key new --algorithm ecdsa-p256)")
    certificates: tuple[bytes, ...] = ()
    if args.certificate:
        from hauberk.crypto import chain

        certificates = chain.for_signing(args.certificate, key.public)
    return bundle.sign(payload, key, certificates), f"with {key.algorithm} {key.key_id}"


def _writable(output: Path) -> None:
    """Raise InputError when writing there would destroy something other than an earlier signature."""
    if not os.path.lexists(output):
        return
    from hauberk.artifact.verify import read_signature
    from hauberk.crypto.bundle import is_bundle

    if not is_bundle(read_signature(output)):
        raise InputError(f"{output}: is there already, and is no signature", hint="choose another name with -o")


def _write(output: Path, content: bytes) -> None:
    """Write beside, then put in place: a signature is whole or not there."""
    part = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(output)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError(f"{output}: cannot be written: {error.strerror}") from error
