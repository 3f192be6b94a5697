"""Which kind of text a file holds: by its name, which says who reads it, or by what it says.

>>> kind_of("x = 1", "model/modeling.py").module, kind_of("import os\\n", "vocab.txt").module, kind_of("a b", "notes")
('python_source', 'python_source', None)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SAMPLE = 1 << 16
"""Characters by which a text is recognised."""


@dataclass(frozen=True)
class Kind:
    """Text of a kind. module: in formats/, whose `read(walk, text, path)` reads it. named: a file; says: its text.

    Both are patterns, compiled when a text is first held against them.
    """

    name: str
    module: str
    named: str
    says: str = ""


def _kind(name: str, module: str, *, ends: str = "", called: str = "", says: str = "") -> Kind:
    """ends: extensions, called: whole names, both in lower case."""
    named = "|".join(part for part in (rf".*\.(?:{ends})" if ends else "", called) if part)
    return Kind(name, module, named, says)


PYTHON = (
    r"^[ \t]*(?:import[ \t]+[A-Za-z_][\w.]*(?:[ \t]*(?:,|;|#|as\b).*|[ \t]*)$|from[ \t]+[\w.]+[ \t]+import[ \t(])"
    r"|\b(?:__import__|exec|eval|compile|getattr)[ \t]*\(|\b(?:os\.(?:system|popen|exec\w+)|subprocess\.\w+)[ \t]*\("
)
"""What only code says; whether it is code is for Python's own grammar to say."""
SOURCES = (
    "sh|bash|zsh|ksh|fish|csh|bat|cmd|ps1|psm1|vbs|vbe|wsf|hta|js|mjs|cjs|jse|ts|pl|rb|lua|php|applescript|command|desktop"
    "|service|reg|inf|scr|sql|r|jl|awk|tcl|groovy|c|cc|cpp|cu|cuh|h|hpp|go|rs|java|cs|m|mm|swift"
)
SOURCE_NAMES = r"makefile|cmakelists\.txt|rakefile|gemfile|justfile|\.bashrc|\.profile|\.envrc"
DOCKER = (
    r"\A(?:[ \t\r\f\v]*+(?:#.*)?\n|ARG .*\n)*+FROM [^\s]+(?: AS \w+)?\s*\n"
    r"(?:[\s\S]{0,5000}^(?:RUN|CMD|COPY|ENTRYPOINT) )"
)
YAML = (
    r"!!python/|!<?tag:yaml\.org,2002:python|^[ \t]*[\"']?_target_[\"']?[ \t]*:|!(?:apply|new|name|module|include):"
    r"|\A%YAML|\A---[ \t]*\n"
)
REQUIREMENTS = r"(.*[-_.])?(requirements|constraints)([-_.].*)?\.(txt|in|pip)|requirements"

KINDS = (
    _kind("requirements", "requirements", called=REQUIREMENTS),
    _kind("python", "python_source", ends="py|pyi|pyw|pyx|py3|ipy", says=PYTHON),
    _kind("script", "script", ends=SOURCES, called=SOURCE_NAMES, says=r"\A\s*(?:@echo off\b|<#|param\s*\(|<\?php)"),
    _kind("dockerfile", "dockerfile", called=r"(.*[-_.])?(dockerfile|containerfile)([-_.].*)?", says=DOCKER),
    _kind("yaml", "yaml_file", ends="ya?ml", called="mlmodel|conda", says=YAML),
    _kind("toml", "toml_file", ends="toml", called=r"poetry\.lock|uv\.lock|pipfile"),
    _kind(
        "ini",
        "ini_file",
        ends="cfg|ini|conf|properties|env",
        called=r"\.env|\.npmrc|\.pypirc|config|\.gitconfig|\.gitmodules",
    ),
    _kind("triton", "triton", called=r"config.*\.pbtxt"),
    _kind("jinja", "jinja", ends="jinja|jinja2|j2|tmpl", called=r"chat_template(\..*)?"),
    _kind("markdown", "markdown", ends="md|markdown|mdx|rst", called="readme"),
    _kind("markup", "markup", ends="html?|xhtml|svg", says=r"\A\s*<(?:!doctype|!DOCTYPE|html|svg|script|head)\b"),
)
EMPTY = re.compile(
    r".*\.(?:txt|csv|tsv|vocab|bpe|merges|jsonl|log|text|labels?|py|pyi|md|ya?ml|cfg|toml|ini|typed|lock)"
    r"|[a-z_-]*|license.*|notice.*|\.[a-z]+"
)
"""Names of files that may well be empty."""


def name_of(path: str) -> str:
    """The last name of a path, in an archive or a folder, in lower case.

    >>> name_of("a.zip!b/Modeling.py")
    'modeling.py'
    """
    return re.split(r"[!/\\]", path)[-1].lower()


def may_be_empty(name: str) -> bool:
    """Whether a file of this name may well be empty."""
    return bool(name) and EMPTY.fullmatch(name) is not None


def kind_of(text: str, path: str) -> Kind | None:
    """The kind of a text: by its name first, then by what it says."""
    name = name_of(path)
    for kind in KINDS:
        if re.fullmatch(kind.named, name):
            return kind
    return next((kind for kind in KINDS if kind.says and re.search(kind.says, text[:SAMPLE], re.M)), None)
