"""The report that people read: one self-contained HTML file.

html.render(dossier) -> str
"""

from .page import render

__all__ = ["render"]
