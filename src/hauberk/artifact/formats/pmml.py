"""PMML: models as XML. Its elements are numbers and rules; a function that it does not define is a class to load.

JPMML looks a function that is neither built in nor defined up as a Java class of that name. An Extension means what
its reader makes of it (nyoka puts Python there). Elements and functions: packs/pmml.json.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from ...core.nouns import Severity
from ..verdicts import read_pack
from ..walk import printable
from .xml import Attributes

if TYPE_CHECKING:
    from .xml import Document

NAMESPACE = "http://www.dmg.org/PMML"
TABLES = frozenset(("row", "InlineTable"))
"""What is below these are cells, each named as its column."""
SCRIPTS = frozenset(("script", "Script", "JavaModel", "code", "Code"))
REMEDY = "read what it is for; take a model that needs nothing but PMML, or know the reader that needs it"


@cache
def names(kind: str) -> frozenset[str]:
    """What the pack lists of elements or functions."""
    return frozenset(name for group in read_pack("pmml")[kind] for name in group["names"])


class Pmml:
    """Judges the elements of one document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.stack: list[str] = []
        self.extended = self.tables = 0
        self.defined: set[str] = set()
        self.called: dict[str, int] = {}

    def start(self, namespace: str, name: str, attributes: Attributes) -> None:
        """Judge an element."""
        own = namespace == "" or namespace.startswith(NAMESPACE)
        if name in SCRIPTS:
            message = f"the element {printable(name, 40)} holds a program for its reader to run"
            self._tell("script", Severity.CRITICAL, message, ("CWE-94",))
        elif self.tables and not attributes:
            pass
        elif name == "TableLocator":
            self._tell("external", Severity.MEDIUM, "it takes a table from outside the file", ("CWE-829",))
        elif name != "Extension" and not (own and name in names("elements")):
            self._foreign(name)
        if name == "Apply":
            self.called.setdefault(attributes.get("function", ""), self.document.parser.CurrentLineNumber)
        elif name == "DefineFunction":
            self.defined.add(attributes.get("name", ""))
        self.extended += name == "Extension"
        self.tables += name in TABLES

    def end(self, name: str) -> None:
        """Leave an element."""
        self.extended -= name == "Extension"
        self.tables -= name in TABLES

    def _foreign(self, name: str) -> None:
        said = printable(name, 40)
        if self.extended:
            message = f"an Extension holds the element {said}: what it does depends on who reads it"
            self._tell("extension", Severity.MEDIUM, message, ("CWE-436",))
        else:
            self._tell("unknown", Severity.HIGH, f"the element {said} is none of PMML's", ("CWE-436",))

    def finish(self) -> None:
        """Judge the functions, once all definitions are known."""
        for function in self.called:
            if function not in names("functions") and function not in self.defined:
                message = (
                    f"it calls {printable(function)!r}, which it does not define: JPMML loads a class of that name"
                )
                self._tell("function", Severity.HIGH, message, ("CWE-470",))

    def _tell(self, rule: str, severity: Severity, message: str, references: tuple[str, ...]) -> None:
        self.document.tell(rule, severity, message, references, REMEDY, "pmml")
