"""Two believable dossiers, built by code from real small data: handwritten digits, and a medical table."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hauberk.core.canon import digest
from hauberk.core.exhibits import Chart, Line, Picture, Strip, Table
from hauberk.core.nouns import (
    Budget,
    Dossier,
    Evidence,
    Finding,
    Measurement,
    NotTested,
    Place,
    Severity,
    Skipped,
    Subject,
)
from hauberk.core.stats import exact, rate

RADII = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
TOOLS = {"python": "3.11.7", "hauberk": "0.1.0", "numpy": "2.1.3"}


def subject(kind: str, name: str) -> Subject:
    return Subject(kind, name, digest(name.encode()))


def evidence(check: str, subjects: tuple[Subject, ...], **given: Any) -> Evidence:
    """Evidence with everything that a test does not care about filled in."""
    base: dict[str, Any] = {
        "version": "1",
        "parameters": {},
        "seed": 7,
        "budget": Budget(120.0, None),
        "findings": (),
        "measurements": (),
        "skipped": (),
        "exhibits": (),
        "started": "2026-11-24T21:03:05Z",
        "finished": "2026-11-24T21:03:47Z",
        "expires": "2027-02-22T21:03:05Z",
        "tools": TOOLS,
    }
    return Evidence(check=check, subjects=subjects, **(base | given))


def curve(label: str, measured: list[Measurement], x: tuple[float, ...]) -> Line:
    ends = ([m.value for m in measured], [m.low for m in measured], [m.high for m in measured])
    return Line(label, x, *(tuple(e) for e in ends))


def along(name: str, correct: list[np.ndarray], norm: str) -> list[Measurement]:
    return [
        rate(name, int(c.sum()), len(c), at={"norm": norm, "eps": eps}) for eps, c in zip(RADII, correct, strict=True)
    ]


def u8(image: np.ndarray) -> str:
    return base64.b64encode(np.clip(np.rint(image * 255), 0, 255).astype(np.uint8).tobytes()).decode()


class Linear:
    """A real softmax regression and its closed-form attack: one signed (or scaled) step along the weights."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y = x, y
        self.model = LogisticRegression(C=0.3, max_iter=500).fit(x[:1000], y[:1000])
        self.test, self.labels = x[1000:], y[1000:]

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.model.predict(x)

    def attack(self, eps: float, norm: str) -> np.ndarray:
        w = self.model.coef_
        scores = self.test @ w.T + self.model.intercept_
        scores[np.arange(len(scores)), self.labels] = -np.inf
        step = w[scores.argmax(1)] - w[self.labels]
        step = np.sign(step) if norm == "linf" else step / np.linalg.norm(step, axis=1, keepdims=True) * 4
        return np.clip(self.test + eps * step, 0, 1)


def evasion_chart(norm: str, x_label: str, lines: tuple[Line, ...]) -> Chart:
    title = f"Accuracy under attack as the {x_label} grows"
    return Chart(f"robust_accuracy.{norm}", title, x_label, "accuracy", lines)


def digits_strip(m: Linear) -> Strip:
    adversarial = m.attack(0.15, "linf")
    after = m.predict(adversarial)
    chosen = [i for i in range(len(after)) if after[i] != m.labels[i] and m.predict(m.test[[i]])[0] == m.labels[i]][:12]
    pictures = tuple(Picture(u8(m.test[i]), u8(adversarial[i]), str(m.labels[i]), str(after[i]), "") for i in chosen)
    return Strip("examples.linf", "The smallest changes that flipped an answer, L∞ radius 0.15", 8, 8, 1, pictures)


def roc_chart() -> Chart:
    rng = np.random.default_rng(0)
    inside, outside = rng.normal(0.9, 1.3, 800), rng.normal(0, 1, 800)
    cuts = np.sort(np.concatenate([inside, outside]))[::-1]
    fpr, tpr = [(np.array([(s >= c).mean() for c in cuts])) for s in (outside, inside)]
    lines = (
        Line("RMIA", tuple(fpr.tolist()), tuple(tpr.tolist())),
        Line("chance", (0.001, 1.0), (0.001, 1.0)),
    )
    return Chart("roc", "Members told from strangers", "false positive rate", "true positive rate", lines, "log", "log")


def reliability_chart() -> Chart:
    x = (0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95)
    y = (0.42, 0.55, 0.61, 0.77, 0.86, 0.93, 0.992)
    lines = (
        Line("digits-cnn", x, y, tuple(v - 0.05 for v in y), tuple(min(1.0, v + 0.05) for v in y)),
        Line("ideal", (0.0, 1.0), (0.0, 1.0)),
    )
    return Chart("reliability", "Confidence against accuracy", "confidence", "accuracy", lines)


@cache
def image_dossier() -> Dossier:
    """A softmax regression on handwritten digits, attacked in closed form; other numbers are set by hand."""
    data = load_digits()
    m = Linear(data.data / 16.0, data.target)
    n, rng = len(m.labels), np.random.default_rng(1)
    model, test, train = (
        subject(k, s)
        for k, s in (("model", "digits-cnn.onnx"), ("dataset", "digits-test.npz"), ("dataset", "digits-train.npz"))
    )
    accuracy = {
        norm: along("robust_accuracy", [m.predict(m.attack(e, norm)) == m.labels for e in RADII], norm)
        for norm in ("linf", "l2")
    }
    square = [
        rate("robust_accuracy", min(n, hits), n)
        for hits in (
            round(n * min(1, a.value + 0.18 * e / 0.3 + (0.03 if e else 0)))
            for a, e in zip(accuracy["linf"], RADII, strict=True)
        )
    ]
    noise = along(
        "noise_accuracy",
        [m.predict(np.clip(m.test + rng.uniform(-e, e, m.test.shape), 0, 1)) == m.labels for e in RADII],
        "linf",
    )
    clean = accuracy["linf"][0]
    names = {"linf": "L∞ radius", "l2": "L2 radius"}
    evasion = evidence(
        "attack.evasion",
        (model, test),
        parameters={"norms": ["linf", "l2"], "radii": list(RADII), "steps": 100, "n": n, "settled_batch": 256},
        findings=(
            Finding(
                "attack.evasion.broken",
                Severity.HIGH,
                model.digest,
                Place("", "linf 0.1"),
                "An attacker who may change every pixel by a tenth of its range turns "
                f"{100 * (1 - accuracy['linf'][3].high):.0f} % or more of the answers.",
                "train against APGD at this radius, or bound who may send inputs; then audit again",
                ("AML.T0043", "ML01:2023", "AISVS-11.2.1"),
            ),
        ),
        measurements=(*accuracy["linf"], *accuracy["l2"], exact("queries", 412_000, unit="queries")),
        exhibits=(
            evasion_chart(
                "linf",
                names["linf"],
                (curve("APGD-CE + APGD-T", accuracy["linf"], RADII), curve("Square", square, RADII)),
            ),
            evasion_chart("l2", names["l2"], (curve("APGD-CE + APGD-T", accuracy["l2"], RADII),)),
            digits_strip(m),
        ),
        finished="2026-11-24T21:05:12Z",
        tools={**TOOLS, "torch": "2.13.0"},
    )
    quality = evidence(
        "model.quality",
        (model, test),
        started="2026-11-24T21:02:00Z",
        finished="2026-11-24T21:02:04Z",
        measurements=(
            rate("clean_accuracy", round(clean.value * n), n),
            *(rate("class_accuracy", 70 + k % 4, 76, at={"class": str(k)}) for k in range(10)),
            Measurement("ece", 0.041, 0.028, 0.055, 0.95, n, "share", "bootstrap, 15 bins"),
        ),
        exhibits=(reliability_chart(),),
    )
    control = evidence(
        "attack.noise",
        (model, test),
        measurements=tuple(noise),
        exhibits=(evasion_chart("linf", names["linf"], (curve("uniform noise", noise, RADII),)),),
    )
    membership = evidence(
        "attack.membership",
        (model, train, test),
        parameters={"references": 4, "attack": "rmia"},
        findings=(
            Finding(
                "attack.membership.exposed",
                Severity.MEDIUM,
                train.digest,
                Place(),
                "Membership in the training set can be told for 9 of 100 records at one false alarm in a hundred.",
                "train with differential privacy, or answer with labels only",
                ("AML.T0024.000", "ML04:2023"),
            ),
        ),
        measurements=(
            rate("tpr_at_1pct_fpr", 72, 800, at={"fpr": 0.01}),
            rate("tpr_at_0.1pct_fpr", 6, 800, at={"fpr": 0.001}),
            Measurement("auc", 0.702, 0.676, 0.727, 0.95, 1600, "share", "bootstrap"),
        ),
        skipped=(Skipped("LiRA with 8 references", "only 4 reference models fit the budget of 120 s"),),
        exhibits=(roc_chart(),),
    )
    labels = evidence(
        "data.labels",
        (train,),
        findings=tuple(
            Finding(
                "data.labels.suspect",
                Severity.LOW,
                train.digest,
                Place("", f"row {31 * i + 4}"),
                f"labelled {i % 10}, looks like {(i + 5) % 10} (probability 0.9{i % 10})",
                "look at these records and correct or drop them",
                ("CWE-20", "AML.T0020"),
            )
            for i in range(23)
        ),
        exhibits=(
            Table(
                "suspects",
                "Labels that look wrong",
                ("row", "label", "looks like", "probability"),
                tuple((31 * i + 4, str(i % 10), str((i + 5) % 10), 0.9 + i % 10 / 100) for i in range(23)),
            ),
        ),
    )
    duplicates = evidence(
        "data.duplicates",
        (train, test),
        measurements=(exact("exact_duplicates", 0, unit="rows", n=1797),),
        skipped=(Skipped("near duplicates", "more than 10 million pairs: raise --max-seconds to compare them"),),
    )
    return Dossier(
        name="digits-cnn.onnx",
        subjects={"model": model, "test": test, "train": train},
        facts={
            "format": "ONNX, opset 18",
            "input": "8 x 8 grey, 0 to 1",
            "classes": "10",
            "parameters": "4,810",
            "gradients": "converted to PyTorch; agrees to 3e-7",
        },
        evidence=(
            evidence("artifact.digest", (model,), finished="2026-11-24T21:03:05Z"),
            evidence(
                "artifact.scan",
                (model,),
                findings=(
                    Finding(
                        "artifact.onnx.metadata",
                        Severity.INFO,
                        model.digest,
                        Place("metadata_props"),
                        "The file names its producer: skl2onnx 1.18.",
                        "",
                    ),
                ),
            ),
            quality,
            control,
            evasion,
            membership,
            labels,
            duplicates,
        ),
        not_tested=(
            NotTested("attack.extraction", "no query budget was given", "--max-queries 20000"),
            NotTested("attack.backdoor", "needs clean reference data from another source", "--reference reference.npz"),
        ),
        titles=TITLES,
        command="hauberk audit digits-cnn.onnx --data digits-test.npz --train digits-train.npz --seed 7",
        created="2026-11-24T21:06:00Z",
        signer="sha256:" + "c0ffee" * 10 + "abcd",
    )


TITLES = {
    "artifact.digest": "Manifest and digest",
    "artifact.scan": "Code hidden in the file",
    "model.quality": "Quality and calibration",
    "attack.noise": "Benign control arm",
    "attack.evasion": "Adversarial examples",
    "attack.membership": "Membership inference",
    "data.labels": "Label errors",
    "data.duplicates": "Duplicates and leakage",
    "attack.extraction": "Model extraction",
    "attack.backdoor": "Backdoors",
}


@cache
def table_dossier() -> Dossier:
    """A standardised logistic regression on the breast-cancer table; feature changes along its weights."""
    data = load_breast_cancer()
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(data.data[:400], data.target[:400])
    scale, weights = data.data[:400].std(0), fitted[-1].coef_[0]
    model, test = subject("model", "tumour.joblib"), subject("dataset", "wdbc-test.csv")
    names = tuple(str(n) for n in data.feature_names)
    rows: list[tuple[Any, ...]] = []
    marked: list[tuple[int, int]] = []
    for i in (3, 9, 21):
        x = data.data[400 + i].copy()
        rows.append((f"row {i}", *x.tolist()))
        top = np.argsort(-abs(weights))[: 3 + i % 3]
        x[top] -= np.sign(weights[top]) * scale[top] * (1 if data.target[400 + i] else -1)
        marked += [(len(rows), int(t) + 1) for t in top]
        rows.append((f"row {i}, changed", *x.tolist()))
    changes = Table(
        "changes", "What an attacker changed to turn the answer", ("record", *names), tuple(rows), tuple(marked)
    )
    cost = Table(
        "cost",
        "Cheapest changes",
        ("row", "feature", "from", "to", "share of its range"),
        ((3, "worst radius", 14.2, 16.9, 0.11), (3, "worst texture", 25.1, 21.0, 0.12)),
        ((0, 3), (1, 3)),
    )
    share = [
        rate("robust_accuracy", k, 169, at={"norm": "linf", "eps": e})
        for k, e in ((162, 0.0), (141, 0.05), (88, 0.1), (20, 0.2))
    ]
    noise = [
        rate("noise_accuracy", k, 169, at={"norm": "linf", "eps": e})
        for k, e in ((162, 0.0), (162, 0.05), (160, 0.1), (158, 0.2))
    ]
    eps = (0.0, 0.05, 0.1, 0.2)
    lines = (curve("HopSkipJump", share, eps), curve("uniform noise (control)", noise, eps))
    return Dossier(
        "tumour.joblib",
        {"model": model, "test": test},
        {"format": "scikit-learn 1.5 pipeline", "columns": "30"},
        (
            evidence(
                "attack.evasion",
                (model, test),
                measurements=tuple(share),
                findings=(
                    Finding(
                        "attack.evasion.broken",
                        Severity.HIGH,
                        model.digest,
                        Place("", "linf 0.1"),
                        "Changes of a tenth of each column's range turn half of the answers.",
                        "bound the columns that a sender can set",
                        ("AML.T0043",),
                    ),
                ),
                exhibits=(evasion_chart("linf", "share of each column's range", lines), changes, cost),
            ),
        ),
        (NotTested("attack.membership", "no training data was given", "--train train.csv"),),
        TITLES,
        "hauberk audit tumour.joblib --data wdbc-test.csv --target malignant",
        "2026-11-24T21:06:00Z",
        "sha256:" + "ab" * 32,
    )


@pytest.fixture(scope="session")
def image() -> Dossier:
    return image_dossier()


@pytest.fixture(scope="session")
def tabular() -> Dossier:
    return table_dossier()


@pytest.fixture(scope="session")
def empty() -> Dossier:
    return replace(image_dossier(), subjects={}, facts={}, evidence=(), not_tested=(), titles={}, command="", signer="")


@pytest.fixture(scope="session")
def only_not_tested() -> Dossier:
    return replace(image_dossier(), evidence=())


@pytest.fixture(scope="session")
def crowded() -> Dossier:
    """2,000 findings and a table of 2,000 rows."""
    one = subject("model", "big.bin")
    found = tuple(
        Finding(
            f"data.rule{i % 40}", list(Severity)[i % 5], one.digest, Place("f", f"row {i}"), f"message {i}", "do it"
        )
        for i in range(2000)
    )
    wide = Table("t", "Many rows", ("i", "name"), tuple((i, f"name {i}") for i in range(2000)), ((1999, 1), (0, 0)))
    return replace(
        image_dossier(),
        subjects={"model": one},
        evidence=(evidence("data.labels", (one,), findings=found, exhibits=(wide,)),),
    )


@pytest.fixture(scope="session")
def poison() -> Callable[[Dossier, str], Dossier]:
    """Put a hostile string into every text field of a dossier (but digests and enums, which are checked)."""

    def walk(value: Any, text: str, name: str = "") -> Any:
        if is_dataclass(value) and not isinstance(value, type):
            kept = {f.name: walk(getattr(value, f.name), text, f.name) for f in fields(value) if f.init}
            return type(value)(**kept)
        if type(value) is str:
            return value if name in KEPT else f"{value}{text}"
        if isinstance(value, tuple):
            return tuple(walk(v, text, name) for v in value)
        if hasattr(value, "items"):
            return {f"{k}{text}" if name in MAPS else k: walk(v, text, "") for k, v in value.items()}
        return value

    return walk


KEPT = {"digest", "subject", "original", "changed", "x_scale", "y_scale"}
MAPS = {"facts", "parameters", "tools", "at", "titles"}
