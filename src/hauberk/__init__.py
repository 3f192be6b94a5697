"""Hauberk secures machine-learning models from training data to served decision.

>>> import hauberk
>>> hauberk.__version__
'0.1.0'
"""

from __future__ import annotations

__version__ = "0.1.0"
