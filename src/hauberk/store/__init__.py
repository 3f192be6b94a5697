"""Where evidence is kept: SQLite by default, PostgreSQL for several replicas.

    with EvidenceStore.open("hauberk.db") as store:
        store.put(envelope, evidence)
        newest = store.find(model.digest, "attack.evasion")[0]

The store trusts nobody and is trusted by nobody: whoever reads an envelope verifies it again.
"""

from __future__ import annotations

from ..core.errors import need

need("sqlalchemy", extra="audit")  # every file of this room stands on it: say so once, in words that help
