"""Python beside a model: code that loaders may run, and that is never clean unless it only states constants.

A file that holds nothing but names bound to literals is data. All other code is told: with what it reaches when that
is a known way to run commands, and as not understood otherwise.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

from ...core.nouns import Place, Severity
from ..walk import Walk, printable
from .text_kinds import name_of

MAX_SOURCE = 4 << 20
NAMED = re.compile(r".*\.(?:py\w*|ipy)")
LINE = re.compile(
    r"^(?:import|from)[ \t]+(?!(?:t5|t5x|seqio|mesh_tensorflow|tensorflow|gin|jax|flax)(?:\.[\w.]+)?(?:[ \t]|$))", re.M
)
"""What a .pth or .gin imports beside the libraries that gin configurations are written for."""
HARMFUL_MODULES = frozenset((
    "subprocess", "socket", "ctypes", "pty", "pickle", "marshal", "dill", "cloudpickle", "shelve", "code", "codeop",
    "importlib", "runpy", "multiprocessing", "webbrowser", "ftplib", "telnetlib", "smtplib", "paramiko", "posix", "nt",
    "winreg", "_winreg", "builtins", "imp", "cffi", "commands", "requests", "urllib", "http", "httpx", "aiohttp",
))  # fmt: skip
HARMFUL_CALLS = frozenset((
    "exec", "eval", "compile", "__import__", "os.system", "os.popen", "os.execv", "os.execve", "os.execl", "os.spawnl",
    "os.spawnv", "os.posix_spawn", "os.fork", "os.remove", "os.unlink", "os.rmdir", "os.putenv", "shutil.rmtree",
    "getattr", "globals", "vars", "torch.load", "torch.hub.load", "joblib.load", "pickle.loads", "pickle.load",
    "numpy.load", "np.load", "pd.read_pickle", "pandas.read_pickle", "os.startfile", "sys.settrace", "open",
))  # fmt: skip
"""Calls that sharpen the message. What is not among them is still not understood."""
DATA = (ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.UnaryOp, ast.USub, ast.UAdd, ast.Load, ast.Store,
        ast.Name, ast.Assign, ast.AnnAssign, ast.Expr, ast.Module, ast.Pass)  # fmt: skip


def read(walk: Walk, text: str, path: str) -> None:
    """Tell what this code is. Its own findings name the worst that it reaches."""
    tree = parsed(text)
    gin = name_of(path or walk.name).endswith(".gin")
    if (gin or (tree is None and name_of(path or walk.name).endswith(".pth"))) and (match := LINE.search(text)):
        message = "Python, or gin, runs this import when it reads the file"
        _tell(walk, path, Severity.CRITICAL, f"line {text.count(chr(10), 0, match.start()) + 1}", message)
        return
    if gin:
        walk.formats[path] = "text"
        return
    if tree is None and not NAMED.fullmatch(name_of(path or walk.name)):
        walk.formats[path] = "text"
        return
    if tree is None:
        _tell(
            walk, path, Severity.HIGH, "", "this is Python that does not parse as Python 3: nobody can say what it does"
        )
        return
    if is_data(tree):
        walk.formats[path] = "python constants"
        return
    reached = list(reaches(tree))
    for line, what in reached[:10]:
        _tell(walk, path, Severity.CRITICAL, f"line {line}", f"this code {what}")
    if not reached:
        message = "this is Python code, which loaders with code enabled, or whoever imports it, will run"
        _tell(walk, path, Severity.HIGH, "", message)


def parsed(text: str) -> ast.Module | None:
    """The tree of a source, or None when it does not parse."""
    if len(text) > MAX_SOURCE:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def is_data(tree: ast.Module) -> bool:
    """Whether a module does nothing but bind names to literals.

    >>> is_data(ast.parse("'''About.'''\\n__version__ = '1'\\nLABELS = ['a', -1]"))
    True
    """
    for node in ast.walk(tree):
        if not isinstance(node, DATA) or (isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)):
            return False
        if isinstance(node, ast.AnnAssign) and node.value is None:
            return False
    return True


def reaches(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, what) of imports and calls that are known to run commands, load programs or reach out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""] if not node.level else []
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and (called := dotted(node.func)) in HARMFUL_CALLS and called != "open":
            yield node.lineno, f"calls {called}"
            continue
        elif isinstance(node, ast.Attribute) and re.fullmatch(
            r"__(class|globals|subclasses|builtins|mro|code)__", node.attr
        ):
            yield node.lineno, f"reaches {node.attr}"
            continue
        else:
            continue
        for name in names:
            if name.split(".")[0] in HARMFUL_MODULES or name in HARMFUL_CALLS:
                yield node.lineno, f"imports {printable(name)}"


def dotted(node: ast.AST) -> str:
    """`a.b.c` of an expression that is one; else ''."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _tell(walk: Walk, path: str, severity: Severity, part: str, message: str) -> None:
    remedy = "read the code before anything imports it; a model in safetensors or ONNX needs none"
    rule = "artifact.python.call" if severity is Severity.CRITICAL else "artifact.python.code"
    walk.flaw(rule, severity, Place(path, part), message, remedy, ("CWE-94", "CWE-829"))
