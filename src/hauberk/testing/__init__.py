"""The exams that ship to plug-in authors: what passes here can join Hauberk.

    from hauberk.testing import check_check

    def test_my_check() -> None:
        check_check(MY_CHECK, inputs)
"""

from __future__ import annotations

from .check import check_check
from .form import check_format

__all__ = ["check_check", "check_format"]
