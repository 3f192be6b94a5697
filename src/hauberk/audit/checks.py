"""The checks that an audit plans, in the order in which a report tells them.

>>> CHECKS.ids()[:2]
('artifact.digest', 'artifact.scan')
"""

from __future__ import annotations

from typing import cast

from hauberk.core.ports import Check
from hauberk.core.registry import Registry

CHECKS = Registry(
    "hauberk.checks",
    {
        "artifact.digest": "hauberk.artifact.digest:DIGEST",
        "artifact.scan": "hauberk.artifact.scan:SCAN",
        "artifact.signature": "hauberk.artifact.signature_check:SIGNATURE",
        "artifact.weights": "hauberk.artifact.weights_check:WEIGHTS",
        "model.quality": "hauberk.attack.controls.quality:QUALITY",
        "attack.noise": "hauberk.attack.controls.noise:NOISE",
        "attack.evasion": "hauberk.attack.evasion.check:EVASION",
        "attack.membership": "hauberk.attack.inference.check:MEMBERSHIP",
        "data.labels": "hauberk.data.labels:LABELS",
        "data.duplicates": "hauberk.data.duplicates:DUPLICATES",
    },
)


def check(name: str) -> Check:
    """The check of that id. Raises InputError that lists the known ones."""
    return cast(Check, CHECKS.get(name))
