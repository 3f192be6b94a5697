#!/bin/sh
# Verify and scan a model before anything loads it. Exit 0: it may be loaded; anything else: it must not.
#
#   MODEL       the model, a file or a folder                            (default: /mnt/models)
#   SIGNATURE   its signature                                            (default: model.sig in it, NAME.sig beside it)
#   KEY         a public key to trust, PEM                               one of these three,
#   ROOT        a root certificate to trust, PEM; IDENTITY narrows it    or nothing is loaded
#   ISSUER      with IDENTITY: Sigstore; TRUST_ROOT is its trusted root
#   STRICT      1: refuse files that the signature leaves out            (default: 1)
#   SCAN        0: verify only                                           (default: 1)
#   ALLOW       callables that you answer for, as `hauberk scan --allow`, separated by spaces
#   REPORT      a folder for verify.sarif and scan.sarif                 (default: none)
set -eu

MODEL=${MODEL:-/mnt/models}
say() { printf '%s\n' "$*" >&2; }
refuse() { say "hauberk: $MODEL is not loaded: $*"; exit 1; }

set --
if [ -n "${KEY:-}" ]; then set -- "$@" --key "$KEY"; fi
if [ -n "${ROOT:-}" ]; then set -- "$@" --certificate "$ROOT"; fi
if [ -n "${IDENTITY:-}" ]; then set -- "$@" --identity "$IDENTITY"; fi
if [ -n "${ISSUER:-}" ]; then set -- "$@" --issuer "$ISSUER"; fi
if [ -n "${TRUST_ROOT:-}" ]; then set -- "$@" --trust-root "$TRUST_ROOT"; fi
if [ -z "${KEY:-}${ROOT:-}${ISSUER:-}" ]; then refuse "nobody is named to trust: set KEY, ROOT or ISSUER"; fi

# The signature is always named, so that a folder which poses as a dossier is never taken for one.
if [ -z "${SIGNATURE:-}" ]; then
  SIGNATURE=$MODEL/model.sig
  if [ ! -f "$SIGNATURE" ]; then SIGNATURE=${MODEL%/}.sig; fi
fi
set -- "$@" --signature "$SIGNATURE"
if [ "${STRICT:-1}" != 0 ]; then set -- "$@" --strict; fi

if [ -n "${REPORT:-}" ]; then hauberk verify "$MODEL" "$@" --format sarif -o "$REPORT/verify.sarif" || true; fi
hauberk verify "$MODEL" "$@" || refuse "it is not what a trusted signer signed (verify ended with $?)"

if [ "${SCAN:-1}" = 0 ]; then say "hauberk: $MODEL verified"; exit 0; fi
set --
for name in ${ALLOW:-}; do set -- "$@" --allow "$name"; done
if [ -n "${REPORT:-}" ]; then set -- "$@" --format sarif -o "$REPORT/scan.sarif"; fi
hauberk scan "$MODEL" "$@" || refuse "loading it is not known to be harmless (scan ended with $?)"
say "hauberk: $MODEL verified and scanned"
