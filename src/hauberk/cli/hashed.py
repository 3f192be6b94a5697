"""How far hashing is, on a terminal's stderr: one line that is written over, and gone at the end."""

from __future__ import annotations

import sys
from time import monotonic

from hauberk.core.ports import Progress, silent

PATIENCE_S = 1.0
"""What is done sooner needs no line."""
EVERY_S = 0.2


def told() -> Progress:
    """Progress in bytes for people; silent where nobody looks."""
    if not sys.stderr.isatty():
        return silent
    began, shown = monotonic(), [0.0]

    def tell(done: int, total: int, note: str) -> None:
        now = monotonic()
        if shown[0] and done >= total:
            sys.stderr.write("\r\x1b[K")
        elif now - began > PATIENCE_S and now - shown[0] > EVERY_S:
            shown[0] = now
            sys.stderr.write(f"\r\x1b[Khashing {done / 1e9:.1f} of {total / 1e9:.1f} GB")
            sys.stderr.flush()

    return tell
