"""An HTTP endpoint, asked patiently: bounded retries where trying again is safe, a clear error elsewhere.

Tried again: a connection that was not made, and 502, 503, 504. Never: a request that may have been answered.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hauberk.core.canon import parse_json
from hauberk.core.errors import InputError, need

from .served import plain

BUSY = (502, 503, 504)
MAX_ANSWER_BYTES = 64 << 20
URL = re.compile(r"https?://[^/?#\s@]+(/[^?#\s]*)?")


@dataclass(frozen=True)
class Wait:
    """How often to ask again, and how long to wait before: first_s, doubled each time. sleep: what waits."""

    tries: int = 5
    first_s: float = 0.2
    sleep: Callable[[float], None] = time.sleep


class Endpoint:
    """A base URL. `get` and `post` return JSON objects."""

    def __init__(self, url: str, timeout_s: float, headers: dict[str, str], wait: Wait) -> None:
        if not URL.fullmatch(url):
            raise InputError(
                f"{plain(url, 200)}: not the URL of a model", hint="http://host:port/v2/models/NAME, without a password"
            )
        self.where, self._wait, self._timeout_s = url.rstrip("/"), wait, timeout_s
        self._httpx = need("httpx", extra="audit")
        self._client = self._httpx.Client(timeout=timeout_s, headers=headers, trust_env=False, follow_redirects=False)
        self.close = self._client.close

    def get(self, path: str) -> Mapping[str, Any]:
        """The JSON object at a path below the base URL. Raises InputError."""
        return self._asked("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The JSON object that answers a JSON object. Raises InputError."""
        return self._asked("POST", path, body)

    def _asked(self, method: str, path: str, body: Mapping[str, Any] | None) -> Mapping[str, Any]:
        problem = ""
        for attempt in range(self._wait.tries):
            if attempt:
                self._wait.sleep(self._wait.first_s * 2 ** (attempt - 1))
            try:
                status, content = self._once(method, self.where + path, body)
            except (self._httpx.ConnectError, self._httpx.ConnectTimeout) as error:
                problem = f"nothing answers: {plain(error, 100)}"
                continue
            if status in BUSY:
                problem = f"answered {status}: {_text(content)}"
                continue
            return self._object(status, content)
        raise InputError(
            f"{self.where}: {problem} ({self._wait.tries} tries)", hint="is the server running, and the port right?"
        )

    def _once(self, method: str, url: str, body: Mapping[str, Any] | None) -> tuple[int, bytes]:
        try:
            with self._client.stream(method, url, json=body) as response:
                return response.status_code, self._read(response)
        except (self._httpx.ConnectError, self._httpx.ConnectTimeout):
            raise
        except self._httpx.TimeoutException as error:
            raise InputError(
                f"{self.where}: no answer within {self._timeout_s:g} s",
                hint="raise the timeout, or show fewer examples",
            ) from error
        except self._httpx.HTTPError as error:
            raise InputError(f"{self.where}: the connection broke: {plain(error, 100)}") from error

    def _read(self, response: Any) -> bytes:
        content = bytearray()
        deadline = time.monotonic() + self._timeout_s
        for piece in response.iter_bytes():
            content += piece
            if len(content) > MAX_ANSWER_BYTES:
                raise InputError(f"{self.where}: answered more than {MAX_ANSWER_BYTES} bytes")
            if time.monotonic() > deadline:
                raise InputError(f"{self.where}: its answer took longer than {self._timeout_s:g} s")
        return bytes(content)

    def _object(self, status: int, content: bytes) -> Mapping[str, Any]:
        if status != 200:
            raise InputError(f"{self.where}: answered {status}: {_text(content)}", hint=_advice(status))
        found = parse_json(content, what=self.where)
        if not isinstance(found, Mapping):
            raise InputError(f"{self.where}: answered {_text(content)}, expected a JSON object")
        return found


def _text(content: bytes) -> str:
    return plain(content[:2000].decode("utf-8", "replace"), 200) or "(empty)"


def _advice(status: int) -> str:
    if status in (401, 403):
        return "it wants a token: give it as a header"
    if status == 404:
        return "the URL ends in /v2/models/NAME: check the name"
    if 300 <= status < 400:
        return "it redirects: give the final URL"
    return "look at the server's own log" if status >= 500 else "does the data fit the model?"
