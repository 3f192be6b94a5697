"""Call `module:function` by name, and carry its errors over a process boundary.

>>> from hauberk.core.ports import silent
>>> call("hauberk.run.inline:echo", {"n": (1, 2)}, silent)
b'{"n":[1,2]}'
>>> revive(plain_error(InputError("x.onnx: truncated", hint="download it again"))).hint
'download it again'
"""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from hauberk.core import errors
from hauberk.core.canon import Json, canonical
from hauberk.core.errors import HauberkError, InputError, VerificationError
from hauberk.core.ports import Progress

MAX_TRACE = 4_000
"""Characters of a traceback that travel with an error: the innermost dozen frames."""

MAX_WORDS = 4_000
"""Characters of one message: a library may put a whole array into its error."""

_TREE: dict[str, type[HauberkError]] = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, HauberkError)
}


def call(function: str, argument: Mapping[str, Json], progress: Progress) -> bytes:
    """The canonical JSON of the result of `module:function(argument, progress)`.

    Raises HauberkError: the function's own, or one that names what else went wrong, its traceback in a note.
    """
    try:
        return canonical(_find(function)(argument, progress))
    except HauberkError:
        raise
    except (Exception, SystemExit) as error:  # the boundary of a job: whatever it raises ends this job only
        raise _wrapped(function, error) from error


def _find(function: str) -> Callable[[Mapping[str, Json], Progress], Json]:
    module, colon, path = function.partition(":")
    if not (module and colon and path):
        raise InputError(f"job function {function!r}: expected module:function")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    if not callable(found):
        raise InputError(f"job function {function!r}: it is {type(found).__name__}, not a function")
    return found  # type: ignore[no-any-return]


def _wrapped(function: str, error: BaseException) -> HauberkError:
    words = f"{type(error).__name__}: {error}".removesuffix(": ")
    wrapped = HauberkError(f"{function} failed: {words}", hint="this is a defect: report it with its traceback")
    wrapped.add_note("".join(traceback.format_exception(error))[-MAX_TRACE:])
    return wrapped


def plain_error(error: HauberkError) -> dict[str, Json]:
    """An error as plain JSON: type, message, hint, reason, notes. A subclass from elsewhere becomes its core base."""
    kind = next(c.__name__ for c in type(error).__mro__ if _TREE.get(c.__name__) is c)
    return {
        "type": kind,
        "message": _clean(str(error)),
        "hint": _clean(error.hint),
        "reason": _clean(str(getattr(error, "reason", ""))),
        "notes": [_clean(note) for note in getattr(error, "__notes__", ())],
    }


def revive(plain: Mapping[str, Any]) -> HauberkError:
    """The error that `plain_error` made this from."""
    kind = _TREE.get(plain["type"], HauberkError)
    reason = {"reason": plain["reason"]} if issubclass(kind, VerificationError) else {}
    error = kind(plain["message"], hint=plain["hint"], **reason)
    for note in plain["notes"]:
        error.add_note(note)
    return error


def _clean(text: str) -> str:
    """What JSON can carry: no lone surrogates, and not a whole array."""
    return text[:MAX_WORDS].encode("utf-8", "backslashreplace").decode("utf-8")
