"""Every check of the table passes the exam that plug-in authors take."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hauberk.artifact.manifest import subject
from hauberk.artifact.sign import claim_of, recipe
from hauberk.artifact.signature import write_statement
from hauberk.audit.checks import CHECKS, check
from hauberk.core.nouns import Subject
from hauberk.core.ports import Inputs
from hauberk.crypto import bundle
from hauberk.crypto.keys import generate
from hauberk.testing import check_check

OPTIONS: dict[str, dict[str, Any]] = {
    "attack.evasion": {"samples": 20, "queries": 40, "short_queries": 20},
    "attack.noise": {"samples": 20, "draws": 2},
    "attack.membership": {"pairs": 1},
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """A forest on a fifth of the digits, in this process and as a file, with its training and test data."""
    import joblib
    from sklearn.datasets import load_digits
    from sklearn.ensemble import RandomForestClassifier

    from hauberk.data.schema import infer
    from hauberk.model.dataset import Dataset
    from hauberk.model.sklearn import from_sklearn

    data: Any = load_digits()
    x, y = data.data[:400].astype(float), data.target[:400]
    classes = tuple(map(str, range(10)))
    features = infer([f"p{i}" for i in range(64)], x)
    train, test = (Dataset(name, x[part], y[part], classes, features) for name, part in
                   (("train", slice(0, 200)), ("test", slice(200, 400))))  # fmt: skip
    forest = RandomForestClassifier(10, random_state=0, n_jobs=1).fit(np.array(train.x), np.array(train.y))
    path: Path = tmp_path_factory.mktemp("exam") / "forest.joblib"
    joblib.dump(forest, path)
    key = generate("ecdsa-p256")
    key.public.save(path.with_name("team.pub"))
    path.with_name("team.sig").write_bytes(bundle.sign(write_statement(claim_of(path, recipe())), key))
    model = from_sklearn(forest, features=features)
    subjects = {
        "model": subject(path),
        "test": Subject("dataset", "test", test.digest),
        "train": Subject("dataset", "train", train.digest),
    }
    return Inputs(path, model, test, train, subjects)


@pytest.mark.parametrize("name", CHECKS.ids())
def test_a_built_in_check_passes_the_exam(inputs: Inputs, name: str) -> None:
    options = OPTIONS.get(name, {})
    if name == "artifact.signature":
        assert inputs.artifact is not None
        keys = [str(inputs.artifact.with_name("team.pub"))]
        options = {"keys": keys, "signature": str(inputs.artifact.with_name("team.sig"))}
    evidence = check_check(check(name), replace(inputs, options=options), seed=3)
    assert evidence.check == name
    assert evidence.measurements
    known = json.loads((files("hauberk.policy") / "known.json").read_text("utf-8"))["checks"][name]
    told = {m.name for m in evidence.measurements if not m.at}
    assert told <= set(known), "a policy could not name these before there is evidence: add them to policy/known.json"
