"""What honest files hold by chance: words of a vocabulary that are keys elsewhere, letters that say MZ."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable

from corpus.onnx import model
from corpus.wire import field
from hauberk.artifact.scan import Scanned
from hauberk.core.nouns import Verdict

Scanner = Callable[..., Scanned]


def rules(seen: Scanned) -> set[str]:
    return {finding.rule for finding in seen.findings}


def program(size: int = 4096) -> bytes:
    """A Windows program whose letters are not those of every compiler."""
    head = bytearray(b"MZ" + bytes(random.Random(0).randrange(1, 256) for _ in range(size)))
    head[0x3C:0x40] = (200).to_bytes(4, "little")
    head[200:204] = b"PE\0\0"
    return bytes(head)


def test_words_of_a_vocabulary_are_no_configuration(scanned: Scanner) -> None:
    words = {"version": "1.0", "model": {"type": "BPE", "vocab": {"plugins": 5, "framework": 6}, "merges": []}}
    assert scanned(json.dumps(words).encode(), "tokenizer.json").verdict is Verdict.HELD


def test_plugins_of_modelscope_are_told(scanned: Scanner) -> None:
    named = {"framework": "pytorch", "plugins": ["some-package"]}
    assert "artifact.config.remote" in rules(scanned(json.dumps(named).encode(), "configuration.json"))


def test_letters_of_a_table_that_say_mz_are_no_program(scanned: Scanner) -> None:
    table = base64.b64encode(random.Random(1).randbytes(90_000)).decode()
    table = table[:40_000] + "TVpQDVtNWrANW01a0A1bTVtgDVvtW2ANeQAN" + table[40_000:]
    assert scanned(json.dumps({"precompiled_charsmap": table}).encode(), "tokenizer.json").verdict is Verdict.HELD


def test_a_program_among_such_letters_is_told(scanned: Scanner) -> None:
    hidden = "TVpQ" * 50 + base64.b64encode(program()).decode()
    assert "artifact.executable.encoded" in rules(scanned(json.dumps({"table": hidden}).encode(), "tokenizer.json"))


def test_more_such_letters_than_can_be_looked_into_are_told(scanned: Scanner) -> None:
    assert "artifact.executable.encoded" in rules(scanned(("TVpQ" * 5000).encode(), "table.txt"))


def test_an_opset_that_merging_wrote_twice(scanned: Scanner) -> None:
    assert scanned(model(more=field(8, field(2, 18))), "m.onnx").verdict is Verdict.HELD


def test_two_versions_of_one_opset_are_told(scanned: Scanner) -> None:
    assert "artifact.onnx.field" in rules(scanned(model(more=field(8, field(2, 17))), "m.onnx"))
    assert "artifact.onnx.field" in rules(scanned(model(more=field(8, field(1, "ai.onnx") + field(2, 17))), "m.onnx"))
