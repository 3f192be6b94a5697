"""Numbers, times and names as every format writes them, so that no format has a second copy.

>>> m = Measurement("robust_accuracy", 0.875, 0.831, 0.912, 0.95, 300, "share", "Clopper-Pearson", {"eps": 0.1})
>>> interval(m)
'87.5 % [83.1, 91.2]'
>>> label(m)
'robust accuracy at eps 0.1'
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime

from ..core.canon import Json, Scalar
from ..core.nouns import Evidence, Measurement

SHARES = frozenset({"share", "fraction", "rate", "probability"})


def number(value: float) -> str:
    """A number to four significant digits, thousands apart, no needless zeros.

    >>> number(12000.0), number(0.031372), number(3.0), number(0.0000021)
    ('12,000', '0.03137', '3', '2.1e-06')
    """
    if not math.isfinite(value):
        return str(value)
    if abs(value) < 1e15 and value == int(value):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"


def percent(value: float, decimals: int = 1) -> str:
    """A share of one as per cent: `87.5 %`."""
    return f"{value * 100:.{decimals}f} %"


def _decimals(m: Measurement) -> int:
    return 2 if 0 < abs(m.value) < 0.01 else 1


def amount(m: Measurement) -> str:
    """The value of a measurement with its unit, without its interval."""
    if m.unit in SHARES:
        return percent(m.value, _decimals(m))
    unit = "" if m.unit in ("", "1", "count", m.name) else f" {m.unit}"
    return number(m.value) + unit


def ends(m: Measurement) -> str:
    """The interval alone, `[83.1, 91.2]`; empty for an exact number."""
    if m.confidence == 0:
        return ""
    if m.unit in SHARES:
        d = _decimals(m)
        return f"[{m.low * 100:.{d}f}, {m.high * 100:.{d}f}]"
    return f"[{number(m.low)}, {number(m.high)}]"


def interval(m: Measurement) -> str:
    """Value and interval: `87.5 % [83.1, 91.2]`."""
    return " ".join(part for part in (amount(m), ends(m)) if part)


def label(m: Measurement) -> str:
    """What was measured, and where: `robust accuracy at L∞, eps 0.1`."""
    where = coordinates(m.at)
    return f"{humane(m.name)} at {where}" if where else humane(m.name)


def coordinates(at: Mapping[str, Scalar]) -> str:
    """`L∞, eps 0.1` of {"norm": "linf", "eps": 0.1}."""
    return ", ".join(_coordinate(key, value) for key, value in at.items())


def _coordinate(key: str, value: Scalar) -> str:
    words = humane(value) if isinstance(value, str) else scalar(value)
    return words if key == "norm" else f"{humane(key)} {words}"


def scalar(value: Scalar) -> str:
    """A cell of a table: numbers short, nothing as a dash."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, int | float) else value


def plain(value: Json) -> str:
    """A parameter in one line.

    >>> plain(["linf", "l2"]), plain({"eps": [0.1, 0.2]}), plain(None)
    ('linf, l2', 'eps: (0.1, 0.2)', 'none')
    """
    if value is None or isinstance(value, str | int | float | bool):
        return "none" if value is None else scalar(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_nested(item)}" for key, item in value.items()) or "empty"
    return ", ".join(_nested(item) for item in value) or "empty"


def _nested(value: Json) -> str:
    scalar_like = value is None or isinstance(value, str | int | float | bool)
    return plain(value) if scalar_like else f"({plain(value)})"


def count(n: int, noun: str) -> str:
    """`1 check`, `2 checks`, `no checks`, `2 queries`."""
    many = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{n:,} {noun if n == 1 else many}" if n else f"no {many}"


def duration(seconds: float) -> str:
    """`under 1 s`, `42 s`, `3 min 20 s`, `2 h 5 min`."""
    total = round(seconds)
    if total < 1:
        return "under 1 s"
    minutes, s = divmod(total, 60)
    hours, m = divmod(minutes, 60)
    parts = [(hours, "h"), (m, "min"), (0 if hours else s, "s")]
    return " ".join(f"{n} {unit}" for n, unit in parts if n)


def elapsed_s(evidence: Evidence) -> float | None:
    """Seconds that a check ran, by its stamps (whole seconds); None when they cannot be read."""
    try:
        start, end = (datetime.fromisoformat(t) for t in (evidence.started, evidence.finished))
        return max(0.0, (end - start).total_seconds())
    except (ValueError, TypeError):
        return None


def elapsed(evidence: Evidence) -> str:
    """The same in words; a dash when unknown."""
    seconds = elapsed_s(evidence)
    return "–" if seconds is None else duration(seconds)


def moment(stamp: str) -> str:
    """`2026-01-02T03:04:05Z` as people read it: `2 January 2026, 03:04 UTC`; anything else as it is."""
    try:
        when = datetime.fromisoformat(stamp)
    except ValueError:
        return stamp
    return f"{when.day} {when:%B %Y, %H:%M} UTC"


_WORDS = {
    "auc": "AUC", "tpr": "TPR", "fpr": "FPR", "ece": "ECE", "roc": "ROC", "linf": "L∞", "l2": "L2", "l1": "L1",
    "l0": "L0", "apgd": "APGD", "rmia": "RMIA", "lira": "LiRA", "ppv": "PPV",
}  # fmt: skip


def humane(name: str) -> str:
    """A name as words.

    >>> humane("tpr_at_0.1pct_fpr"), humane("robust_accuracy.linf")
    ('TPR at 0.1 % FPR', 'robust accuracy L∞')
    """
    spaced = re.sub(r"_|(?<=[A-Za-z0-9])\.(?=[A-Za-z])", " ", name)
    words = (_WORDS.get(word, word) for word in spaced.split())
    return " ".join(re.sub(r"^([\d.]+)pct$", r"\1 %", word) for word in words)


def symbols(text: str) -> str:
    """A title or an axis with the signs of the field.

    >>> symbols("Adversarial examples (linf)")
    'Adversarial examples (L∞)'
    """
    return re.sub(r"\b(linf|l[012])\b", lambda m: _WORDS[m.group()], text)


def short(digest: str) -> str:
    """The first 12 hex digits of a digest: `sha256:0123456789ab…`."""
    kind, colon, rest = digest.partition(":")
    return f"{kind}{colon}{rest[:12]}…" if len(rest) > 12 else digest
