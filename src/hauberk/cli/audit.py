"""`hauberk audit`: the main job."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hauberk.core.errors import InputError

from .options import FORMATS, own_store, private_key, say, show

if TYPE_CHECKING:
    from hauberk.audit.config import AuditConfig
    from hauberk.core.nouns import Dossier

EXAMPLE = """\
examples:
  hauberk audit model.onnx --data test.npz
  hauberk audit model.joblib --data test.parquet --target default --train train.parquet
  hauberk audit http://127.0.0.1:8080/v2/models/fraud --data test.csv --target y --max-queries 20000
  hauberk audit --config hauberk.toml
  hauberk audit model.onnx --data test.npz --set attack.evasion.eps=0.1 --resume

what is given decides what is tested: labelled --data for quality and evasion, --train for membership,
label errors and leakage. What could not be tested is listed with what to give.
Ctrl-C keeps what is finished; --resume goes on from there.
exit 0 held, 1 findings, 2 inconclusive or an error.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `hauberk audit` takes."""
    parser.add_argument("model", nargs="?", help="a file, a folder, an http(s) URL, or python:module:function")
    give = parser.add_argument_group("what to look at")
    give.add_argument("--config", type=Path, metavar="FILE", help="hauberk.toml: everything written down")
    give.add_argument("--data", metavar="FILE", help="labelled test data: .npz, .csv, .parquet, a folder of images")
    give.add_argument("--train", metavar="FILE", help="the labelled data that the model was trained on")
    give.add_argument("--target", metavar="COLUMN", help="the column of a table that holds the label")
    give.add_argument("--labels", metavar="FILE", help="labels of --data in a file of their own (.npy)")
    give.add_argument("--weights", metavar="FILE", help="safetensors, for a model given as package.module:Class")
    give.add_argument("--kind", help="the model's format, where its bytes do not say")
    give.add_argument("--shape", type=_ints, metavar="C,H,W", help="shape of one example, where the model is silent")
    give.add_argument("--bounds", type=_floats, metavar="LOW,HIGH", help="smallest and largest value of any input")
    give.add_argument("--classes", type=_names, metavar="A,B,…", help="the model's labels, in its order")
    how = parser.add_argument_group("how")
    how.add_argument("--only", type=_names, action="extend", metavar="CHECK,…", help="run these checks only")
    how.add_argument("--skip", type=_names, action="extend", metavar="CHECK,…", help="leave these checks out")
    how.add_argument("--set", action="append", default=[], metavar="CHECK.OPTION=VALUE", help="an option of a check")
    how.add_argument("--allow", type=_names, action="extend", metavar="NAME,…", help="callables to allow in a pickle")
    how.add_argument("--seed", type=int, help="seed of everything random (default: 0)")
    how.add_argument("--jobs", type=int, metavar="N", help="worker processes (default: one a core; 0: this process)")
    how.add_argument("--max-seconds", type=float, metavar="S", help="wall-clock budget of the audit")
    how.add_argument("--max-queries", type=int, metavar="N", help="query budget of the audit")
    how.add_argument("--resume", action="store_true", help="run only what lacks valid evidence")
    out = parser.add_argument_group("results")
    out.add_argument("-o", "--output", metavar="DIR", help="the dossier (default: dossier)")
    out.add_argument("--format", choices=FORMATS, default="text", help="what is printed (default: text)")
    out.add_argument("--key", type=Path, metavar="FILE", help="private key to sign with (default: your own)")
    store = os.environ.get("HAUBERK_STORE")
    out.add_argument("--store", default=store, metavar="FILE", help="where evidence is kept (default: your own)")


def run(args: argparse.Namespace) -> int:
    """Audit, write the dossier, print the verdict."""
    from hauberk.audit.conduct import refused
    from hauberk.core.nouns import Verdict

    config = _config(args)
    dossier = _conduct(args, config)
    show(args.format, dossier, None)
    say(f"dossier: {config.output}/  (open {config.output}/report.html)")
    if (refusal := refused(dossier)) is not None:
        raise refusal
    return {Verdict.HELD: 0, Verdict.BROKEN: 1, Verdict.INCONCLUSIVE: 2}[dossier.verdict]


def _config(args: argparse.Namespace) -> AuditConfig:
    from hauberk.audit.config import AuditConfig, load, merge

    names = [f.name for f in fields(AuditConfig) if f.name not in ("features", "checks")]
    given: dict[str, Any] = {name: getattr(args, name) for name in names}
    config = merge(load(args.config) if args.config else None, given)
    return config if not args.set else merge(config, {"checks": _with_settings(config.checks, args.set)})


def _conduct(args: argparse.Namespace, config: AuditConfig) -> Dossier:
    from hauberk.audit.conduct import Audit
    from hauberk.audit.dossier import Folder
    from hauberk.core.ports import SystemClock
    from hauberk.run.progress import Display
    from hauberk.store.evidence import EvidenceStore

    clock = SystemClock()
    workers = (os.cpu_count() or 1) if config.jobs is None else config.jobs
    store = EvidenceStore.open(args.store or own_store())
    folder = Folder(Path(config.output), private_key(args.key), store, clock)
    command = shlex.join(["hauberk", "audit", *sys.argv[2:]])
    with Display() as display:
        dossier = Audit(
            config, folder, _runner(workers, config.max_seconds), max(workers, 1), args.resume, command,
            watch=display.update, ended=display.end, clock=clock,
            kept=lambda evidence: say(f"kept {evidence.check}: already proven"),
        ).conduct()  # fmt: skip
    folder.close(dossier)
    return dossier


def _runner(workers: int, wall_s: float | None) -> Any:
    if workers == 0:
        from hauberk.run.inline import Inline

        return Inline()
    from hauberk.run.workers import Workers

    return Workers(workers, threads_each=max(1, (os.cpu_count() or 1) // workers), wall_s=wall_s)


def _with_settings(checks: Any, settings: list[str]) -> dict[str, dict[str, Any]]:
    merged = {name: dict(options) for name, options in checks.items()}
    for setting in settings:
        path, equals, value = setting.partition("=")
        check, dot, option = path.rpartition(".")
        if not (equals and dot):
            raise InputError(f"--set {setting}: expected CHECK.OPTION=VALUE", hint="--set attack.evasion.eps=0.1")
        merged.setdefault(check, {})[option] = _value(value)
    return merged


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _ints(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _floats(text: str) -> tuple[float, ...]:
    low, high = (float(part) for part in text.split(","))
    return low, high


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
