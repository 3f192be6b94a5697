"""Hauberk's scanner beside picklescan, modelscan, modelaudit and fickling, in one run.

    cd benchmarks && python -m scan.run [--part detection honest speed] [--peers hauberk picklescan …]

detection: every dangerous sample of tests/corpus, built by code. honest: the real files of honest.tsv, and models made
here with the libraries. speed: see speed.py. Results go to build/results.json, the tables to benchmarks/README.md.
Costs about an hour of CPU, most of it in the peers, and 3 GB of downloads the first time.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hauberk.core.stats import clopper_pearson

from . import honest, speed
from .made import made
from .peers import BUILD, PASSED, PEERS, REFUSED, UNREAD, Answer, Peer, ask, install

HERE = Path(__file__).parent
README, RESULTS = HERE.parent / "README.md", BUILD / "results.json"
TESTS = HERE.parent.parent / "tests"
HEAD = 300
"""Characters of an answer that are kept with it."""
DANGEROUS = (
    "The samples of `tests/corpus`, built by code. Each cell: refused · not read · passed as clean. *Not read* is an "
    "exit code for *I could not* (2; modelscan 3), or exit 0 with words that say so: picklescan's *could not parse*, "
    "and modelaudit's scanner *unknown*, which a gate on the exit code lets through."
)
HONEST = (
    "Real files out of packages (benchmarks/scan/honest.tsv names each; benchmarks/scan/honest.py says by which rule "
    "they were chosen) and models made here with the libraries. Each cell: passed · not read · refused. *Models* are "
    "all but the files in folders of tests, made to trouble a reader, and the data sets of R packages."
)
EXPLAINED = HERE / "explained.tsv"
"""Path in a package, and why Hauberk does not pass that file: a sentence for each, by hand."""


def corpus(folder: Path, *, dangerous: bool) -> list[tuple[str, str, Path]]:
    """(format, name, path) of every sample that can be built here."""
    sys.path.insert(0, str(TESTS))
    from corpus import samples

    out = []
    for sample in samples():
        if sample.dangerous != dangerous or (sample.needs and importlib.util.find_spec(sample.needs) is None):
            continue
        out.append((sample.form, sample.name, sample.write(folder / sample.name.replace("/", "-"))))
    return out


def real(folder: Path) -> list[tuple[str, str, Path]]:
    """(format, name, path) of every honest model: real ones, then those made here."""
    found = honest.collect()
    honest.write(found)
    rows = [(h.form, f"{h.package} {h.version}: {h.inner}", h.path) for h in found]
    return rows + [(form, f"made with {by}: {path.name}", path) for form, by, path in made(folder)]


def answers(peer: Peer, rows: list[tuple[str, str, Path]]) -> list[dict[str, Any]]:
    """What a scanner says of each."""
    with tempfile.TemporaryDirectory() as work:
        told = list(ask(peer, [path for _, _, path in rows], Path(work)))
    assert len(told) == len(rows), f"{peer.name}: {len(told)} answers to {len(rows)} files"
    return [{"format": form, "name": name, "word": a.word, "code": a.code, "why": _why(a), "cpu": round(a.cpu, 2)}
            for (form, name, _), a in zip(rows, told, strict=True)]  # fmt: skip


def _why(answer: Answer) -> str:
    lines = [line.strip() for line in answer.out.splitlines() if line.strip()]
    return " / ".join(lines[:4])[:HEAD] if answer.word != PASSED else ""


def compared(part: str, peers: list[Peer], folder: Path) -> dict[str, Any]:
    """Every scanner over every file of a part."""
    rows = corpus(folder, dangerous=True) if part == "detection" else real(folder)
    out = {}
    for peer in peers:
        out[peer.name] = answers(peer, rows)
        words = Counter(row["word"] for row in out[peer.name])
        print(f"{part}: {peer.name}: {dict(words)}, {sum(r['cpu'] for r in out[peer.name]):.0f} CPU s", flush=True)
    return out


def table(part: str, results: dict[str, list[dict[str, Any]]]) -> list[str]:
    """A line a format: how many, and what each scanner said. The word that matters first."""
    names = list(results)
    forms = Counter(row["format"] for row in results[names[0]])
    first = REFUSED if part == "detection" else PASSED
    others = {REFUSED: (UNREAD, PASSED), PASSED: (UNREAD, REFUSED)}[first]
    head = f"| format | files | {' | '.join(names)} |"
    lines = [head, "|---|--:|" + "--:|" * len(names)]
    for form in [*sorted(forms, key=str.lower), *(["**models**"] if part == "honest" else []), "**all**"]:
        cells = []
        for name in names:
            words = Counter(row["word"] for row in results[name] if counts(form, row))
            cells.append(f"{words[first]} · {words[others[0]]} · {words[others[1]]}")
        lines.append(f"| {form} | {sum(counts(form, row) for row in results[names[0]])} | {' | '.join(cells)} |")
    return lines


def counts(form: str, row: dict[str, Any]) -> bool:
    """Whether a file counts in the line of a table."""
    model = honest.kind_of(row["format"], row["name"].partition(": ")[2]) == "model"
    return form in (row["format"], "**all**") or (form == "**models**" and model)


def rate(rows: list[dict[str, Any]]) -> str:
    """How many honest models a scanner refuses, and does not read, with the interval of what it does not pass."""
    models = [row for row in rows if counts("**models**", row)]
    words = Counter(row["word"] for row in models)
    part = clopper_pearson(len(models) - words[PASSED], len(models))
    return (
        f"Of {len(models)} models Hauberk refuses {words[REFUSED]} and does not read {words[UNREAD]}: "
        f"{part.value:.1%} are not passed (95 %: {part.low:.1%} to {part.high:.1%})."
    )


def report(results: dict[str, Any]) -> str:
    """The Markdown between the markers."""
    out = ["## Scanning", ""]
    peers = [f"{p.name} {results['versions'].get(p.name, '?')} ({p.note})" for p in PEERS]
    out += [f"`cd benchmarks && python -m scan.run` on {results['date']}, {results['machine']}. Beside each other: "
            + "; ".join(peers) + ". No scanner has a network. A file may cost a scanner 60 seconds.", ""]  # fmt: skip
    if "detection" in results:
        out += ["### Dangerous files", "", DANGEROUS, "", *table("detection", results["detection"]), ""]
    if "honest" in results:
        out += ["### Honest files", "", HONEST, "", *table("honest", results["honest"]), ""]
        out += [rate(results["honest"]["hauberk"]), "", "What Hauberk does not pass:", "", *accused(results["honest"])]
    if "speed" in results:
        out += ["### Speed", "", *speed.table(results["speed"]), ""]
    return "\n".join(out)


def accused(results: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Every honest file that Hauberk does not pass, and why."""
    rows = [row for row in results.get("hauberk", []) if row["word"] != PASSED]
    lines = ["| file | word | why |", "|---|---|---|"]
    told = dict(line.split("\t") for line in EXPLAINED.read_text().splitlines() if "\t" in line)
    inner = [row["name"].partition(": ")[2] for row in rows]
    lines += [f"| {row['name']} | {row['word']} | {told.get(path) or _cell(row['why'])} |"
              for row, path in zip(rows, inner, strict=True)]  # fmt: skip
    return [*lines, ""] if rows else ["nothing.", ""]


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")[:200]


def write(text: str) -> None:
    """Put the tables between their markers; the rest of the file is others'."""
    old = README.read_text()
    block = f"<!-- scan -->\n{text}\n<!-- /scan -->"
    marked = re.compile(r"<!-- scan -->.*?<!-- /scan -->", re.DOTALL)
    README.write_text(marked.sub(lambda _: block, old) if marked.search(old) else f"{old.rstrip()}\n\n{block}\n")


def main() -> None:
    """Install, ask, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="+", default=["detection", "honest", "speed"])
    parser.add_argument("--peers", nargs="+", default=[p.name for p in PEERS])
    parser.add_argument("--dry", action="store_true", help="print the tables, write nothing")
    chosen = parser.parse_args()
    peers = [p for p in PEERS if p.name in chosen.peers]
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for peer in peers:
        install(peer)
    results["versions"] = results.get("versions", {}) | {p.name: p.version for p in peers}
    results["date"], results["machine"] = f"{datetime.now(UTC):%Y-%m-%d}", speed.machine()
    with tempfile.TemporaryDirectory(prefix="hauberk-scan-") as folder:
        for part in chosen.part:
            found = speed.measured(peers) if part == "speed" else compared(part, peers, Path(folder, part))
            results[part] = {p.name: (results.get(part, {}) | found)[p.name] for p in PEERS
                             if p.name in results.get(part, {}) or p.name in found}  # fmt: skip
            RESULTS.write_text(json.dumps(results, indent=1))
    text = report(results)
    if chosen.dry:
        print(text)
    else:
        write(text)


if __name__ == "__main__":
    main()
