"""Hauberk secures machine-learning models from training data to served decision.

    import hauberk

    hauberk.scan(Path("model.joblib")).verdict         # what would run if it were loaded
    data = hauberk.read("test.npz")
    model = hauberk.open_model("model.onnx", sandbox=hauberk.Sandbox(), bounds=(0, 1))
    hauberk.verify(Path("dossier"), [hauberk.PublicKey.load("team.pub")], now=datetime.now(UTC))

Names are imported when they are used: `import hauberk` loads no framework.

>>> import hauberk
>>> hauberk.Severity.HIGH.rank
3
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_DOORS = {
    "Evidence": "hauberk.core.nouns",
    "Finding": "hauberk.core.nouns",
    "HauberkError": "hauberk.core.errors",
    "Limits": "hauberk.core.limits",
    "Measurement": "hauberk.core.nouns",
    "PublicKey": "hauberk.crypto.keys",
    "Sandbox": "hauberk.run.sandbox",
    "Severity": "hauberk.core.nouns",
    "Subject": "hauberk.core.nouns",
    "decide": "hauberk.policy.decide",
    "open_model": "hauberk.model.load",
    "read": "hauberk.data.read",
    "scan": "hauberk.artifact.scan",
    "verify": "hauberk.audit.dossier",
}


def __getattr__(name: str) -> Any:
    if name not in _DOORS:
        raise AttributeError(f"module 'hauberk' has no attribute {name!r}")
    return getattr(importlib.import_module(_DOORS[name]), name)


def __dir__() -> list[str]:
    return sorted([*_DOORS, "__version__"])
