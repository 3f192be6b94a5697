"""The ids that findings refer to, as data: MITRE ATLAS, CWE, OWASP ML Top 10, OWASP AISVS, and advisories.

Licences and sources stand beside the data in LICENCES.md.

>>> lookup("CWE-502").name
'Deserialization of Untrusted Data'
>>> lookup("AML.T0043.000").within
('AML.T0043',)
>>> lookup("AISVS-1.1.5").level
3
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from ..errors import InputError

OWASP_ML = "https://owasp.org/www-project-machine-learning-security-top-10/docs/"
ATLAS_PAGES = {"TA": "tactics", "T": "techniques", "M": "mitigations", "CS": "studies"}

# Advisories are too many to ship: the form of the id is checked, not whether it was ever given.
CVE = re.compile(r"CVE-(19|20)\d\d-\d{4,}")
GHSA = re.compile(r"GHSA(-[23456789cfghjmpqrvwx]{4}){3}")


@dataclass(frozen=True)
class Term:
    """What an id stands for.

    within: the tactics or the parent technique of an ATLAS technique.
    level: of an AISVS requirement, 1 to 3; 0 elsewhere.
    """

    id: str
    name: str
    source: str
    url: str
    within: tuple[str, ...] = ()
    level: int = 0


def lookup(reference: str) -> Term:
    """The term of an id: `AML.T0043`, `CWE-502`, `ML01:2023` (or `ML01`), `AISVS-1.1.1`, `CVE-…`, `GHSA-…`.

    Raises InputError for an id that is not known.
    """
    if CVE.fullmatch(reference):
        return Term(reference, reference, "CVE", f"https://www.cve.org/CVERecord?id={reference}")
    if GHSA.fullmatch(reference):
        return Term(reference, reference, "GitHub", f"https://github.com/advisories/{reference}")
    terms = _terms(_family(reference))
    found = terms.get(reference) or terms.get(reference + ":2023")
    if found is None:
        raise InputError(
            f"{reference!r} is not a known reference",
            hint="it takes ids of MITRE ATLAS 5.6, CWE (a selection), OWASP ML Top 10 2023, AISVS 1.0, CVE, GHSA",
        )
    return found


def _family(reference: str) -> str:
    heads = {"AML.": "atlas", "CWE-": "cwe", "ML": "owasp-ml", "AISVS-": "aisvs"}
    return next((family for head, family in heads.items() if reference.startswith(head)), "")


@cache
def _terms(family: str) -> dict[str, Term]:
    if not family:
        return {}
    from importlib.resources import files

    lines = files(__name__).joinpath(f"{family}.tsv").read_text(encoding="utf-8").splitlines()
    terms = (_READERS[family](*line.split("\t")) for line in lines if not line.startswith("#"))
    return {term.id: term for term in terms}


def _atlas(key: str, name: str, within: str = "") -> Term:
    page = ATLAS_PAGES[key.split(".")[1].rstrip("0123456789")]
    url = f"https://atlas.mitre.org/{page}/{key}"
    return Term(key, name, "MITRE ATLAS", url, tuple(within.split(",")) if within else ())


def _cwe(key: str, name: str) -> Term:
    return Term(key, name, "CWE", f"https://cwe.mitre.org/data/definitions/{key.removeprefix('CWE-')}.html")


def _owasp_ml(key: str, name: str) -> Term:
    page = f"{key.replace(':', '_')}-{name.replace(' ', '_')}"
    return Term(key, name, "OWASP ML Top 10", OWASP_ML + page)


def _aisvs(key: str, level: str) -> Term:
    name = f"requirement {key.removeprefix('AISVS-')}, level {level}"
    return Term(key, name, "OWASP AISVS 1.0", "https://github.com/OWASP/AISVS", level=int(level))


_READERS = {"atlas": _atlas, "cwe": _cwe, "owasp-ml": _owasp_ml, "aisvs": _aisvs}
