"""The table of formats: name -> a function from Dossier to text, and the file that it goes into.

>>> sorted(FILES)
['github', 'gitlab', 'html', 'json', 'junit', 'md', 'sarif', 'text']
"""

from __future__ import annotations

from typing import cast

from ..core.nouns import Dossier
from ..core.registry import Registry

FORMATS = Registry(
    "hauberk.formats",
    {
        "html": "hauberk.report.html:render",
        "json": "hauberk.report.json_report:render",
        "sarif": "hauberk.report.sarif:render",
        "md": "hauberk.report.markdown:render",
        "junit": "hauberk.report.junit:render",
        "github": "hauberk.report.github:render",
        "gitlab": "hauberk.report.gitlab:render",
        "text": "hauberk.report.terminal:render",
    },
)

FILES = {
    "html": "report.html",
    "json": "report.json",
    "sarif": "report.sarif",
    "md": "report.md",
    "junit": "junit.xml",
    "github": "annotations.txt",
    "gitlab": "gl-code-quality-report.json",
    "text": "report.txt",
}


def render(form: str, dossier: Dossier) -> str:
    """The dossier in one of the formats. Raises InputError for a format that nobody registered."""
    return cast(str, FORMATS.get(form)(dossier))
