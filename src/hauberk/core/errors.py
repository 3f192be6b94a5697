"""The one error tree.

    HauberkError
    ├── InputError            what you gave cannot be read or does not fit; nothing was changed
    │   └── UnsupportedError  it is well formed, but Hauberk cannot do this with it
    ├── MissingExtra          a part of Hauberk that is not installed
    ├── LimitExceeded         a budget or a guard against hostile input was reached
    ├── VerificationError     a signature, a digest or a claim does not hold
    └── Denied                a decision said no

A message says what, where, expected and got; `hint` says what the person can do next.

>>> str(InputError("weights.npz: header says 9000 bytes, file has 412", hint="download it again"))
'weights.npz: header says 9000 bytes, file has 412'
"""

from __future__ import annotations

import importlib
from types import ModuleType


class HauberkError(Exception):
    """Root of every error that Hauberk raises on purpose."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class InputError(HauberkError):
    """The input cannot be read or does not fit together."""


class UnsupportedError(InputError):
    """The input is well formed, but this is not something that Hauberk can do with it."""


class MissingExtra(HauberkError):
    """A library that an extra brings is not installed."""


class LimitExceeded(HauberkError):
    """A budget (time, queries) or a guard against hostile input was reached."""


class VerificationError(HauberkError):
    """A signature, a digest or a claim does not hold."""

    def __init__(self, message: str, *, reason: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class Denied(HauberkError):
    """A decision refused this."""


def need(module: str, *, extra: str) -> ModuleType:
    """Import `module`, or raise MissingExtra that says which extra brings it.

    >>> need("json", extra="audit").__name__
    'json'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise MissingExtra(
            f"{module} is not installed", hint=f"pip install 'hauberk[{extra}]'"
        ) from error
