"""Write real models to a folder, with the libraries of this Python, for tools/derive_packs.py to read.

    python3.8 tools/write_models.py /tmp/models/sklearn-0.24     # any Python from 3.7 on; needs no Hauberk

One file for each model, protocol and way of writing; `versions.json` says with what.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import pickle
import sys
import warnings
from pathlib import Path

TOPICS = ("sklearn_models", "data_models", "other_models", "torch_models")
PROTOCOLS = (0, 2, 4, 5)


def main(folder, topics):
    """Every source of the topics. What a release lacks is told and passed over."""
    warnings.simplefilter("ignore")
    folder.mkdir(parents=True, exist_ok=True)
    for topic in topics:
        for source in importlib.import_module("pack_models." + topic).SOURCES:
            count = 0
            for value in made(source):
                for data in written(value):
                    (folder / (hashlib.sha256(data).hexdigest()[:24] + ".pkl")).write_bytes(data)
                    count += 1
            sys.stderr.write(f"{source.__name__}: {count}\n")
    (folder / "versions.json").write_text(json.dumps(versions(), indent=1))


def made(source):
    """What a source makes, without what this release cannot make."""
    try:
        for thunk in source():
            try:
                yield thunk()
            except Exception as error:  # noqa: BLE001 - wrong data, or not in this release
                if "-v" in sys.argv:
                    sys.stderr.write(f"  {source.__name__}: {error!r:.160}\n")
    except Exception as error:  # noqa: BLE001 - the library is not here
        sys.stderr.write(f"{source.__name__}: {error!r:.160}\n")


def written(value):
    """A model as every protocol and joblib write it; bytes are files already."""
    if isinstance(value, bytes):
        yield value
        return
    for protocol in PROTOCOLS:
        try:
            yield pickle.dumps(value, protocol)
        except Exception as error:  # noqa: BLE001 - what has no pickle has nothing to allow
            if "-v" in sys.argv:
                sys.stderr.write(f"  {type(value).__name__}: protocol {protocol}: {error!r:.160}\n")
    try:
        import joblib

        buffer = io.BytesIO()
        joblib.dump(value, buffer)
        yield buffer.getvalue()
    except Exception:  # noqa: BLE001 - as above
        return


def versions():
    """What is installed here."""
    names = ("numpy", "scipy", "scikit-learn", "joblib", "pandas", "torch", "xgboost", "lightgbm", "catboost",
             "imbalanced-learn", "category-encoders", "statsmodels", "hmmlearn", "tokenizers", "transformers", "spacy",
             "thinc", "gensim", "feature-engine", "nltk")  # fmt: skip
    try:
        from importlib.metadata import version
    except ImportError:
        from pkg_resources import get_distribution

        def version(name):
            return get_distribution(name).version

    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except Exception:  # noqa: BLE001, S112 - not installed
            continue
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]), tuple(arg for arg in sys.argv[2:] if arg != "-v") or TOPICS[:3])
