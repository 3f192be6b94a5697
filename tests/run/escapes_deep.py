"""More attempts to get out of a cell: what `escapes` leaves out. Run as it is: in a cell, or with `--control`.

    python -m escapes_deep JSON [NAME…]

Attacks that end the process which tries them are run one by one. `reach` asks whether a system call gets through to
the kernel at all: with arguments that do no harm where it does.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import resource
import signal
import socket
import struct
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
import escapes
from escapes_calls import HARMLESS, REFUSED, X86, reach, sweep

libc, call, attempt = escapes.libc, escapes.call, escapes.attempt
ATTACKS: dict[str, escapes.Attack] = {}
FATAL: set[str] = set()
"""Attacks that the kernel answers by ending the process."""
READING: set[str] = set()
def attack(function: escapes.Attack) -> escapes.Attack:
    ATTACKS[function.__name__] = function
    return function


def reading(function: escapes.Attack) -> escapes.Attack:
    READING.add(function.__name__)
    return attack(function)


def fatal(function: escapes.Attack) -> escapes.Attack:
    FATAL.add(function.__name__)
    return attack(function)


def _reaching(name: str, *arguments: Any) -> None:
    def function(w: dict[str, Any]) -> None:
        reach(name, *arguments)

    function.__name__ = f"reach_{name}"
    attack(function)


for _name, _arguments in HARMLESS.items():
    _reaching(_name, *_arguments)


# the parent, its group, its descriptors


@attack
def signal_the_parent(w: dict[str, Any]) -> None:
    os.kill(w["parent"], 0)


@attack
def signal_the_own_group(w: dict[str, Any]) -> None:
    os.kill(0, 0)


@attack
def signal_the_group_of_another(w: dict[str, Any]) -> None:
    os.killpg(os.getpgid(w["victim"]), 0)


@attack
def take_a_descriptor_of_another(w: dict[str, Any]) -> None:
    os.close(call("pidfd_getfd", os.pidfd_open(w["victim"]), 0, 0))


@attack
def write_the_memory_of_another_at_once(w: dict[str, Any]) -> None:
    nothing = struct.pack("=QQ", 0, 0)
    reach("process_vm_writev", w["victim"], nothing, 1, nothing, 1, 0)


@reading
def list_the_descriptors_of_the_parent(w: dict[str, Any]) -> None:
    assert os.listdir(f"/proc/{w['parent']}/fd")


@reading
def read_the_map_of_the_parent(w: dict[str, Any]) -> None:
    assert Path(f"/proc/{w['parent']}/maps").read_bytes()


@reading
def open_a_descriptor_of_the_parent(w: dict[str, Any]) -> None:
    os.close(os.open(f"/proc/{w['parent']}/fd/0", os.O_RDONLY | os.O_NONBLOCK))


@reading
def list_the_processes(w: dict[str, Any]) -> None:
    assert str(w["parent"]) in os.listdir("/proc")


@reading
def read_the_threads_of_the_parent(w: dict[str, Any]) -> None:
    assert Path(f"/proc/{w['parent']}/task/{w['parent']}/status").read_bytes()


@attack
def be_traced(w: dict[str, Any]) -> None:
    call("ptrace", 0, 0, 0, 0)  # PTRACE_TRACEME


@attack
def use_an_inherited_descriptor(w: dict[str, Any]) -> None:
    extra = [n for n in map(int, os.listdir("/proc/self/fd")) if n > 2 and _is_open(n)]
    assert w["leaked"] in extra


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


# processes without end


@attack
def fork_without_end(w: dict[str, Any]) -> None:
    made = 0
    for _ in range(50):
        if (pid := os.fork()) == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        made += 1
    assert made == 50


@attack
def clone_into_a_namespace(w: dict[str, Any]) -> None:
    if (pid := call("clone", 0x10000000 | int(signal.SIGCHLD), 0, 0, 0, 0)) == 0:
        os._exit(0)
    os.waitpid(pid, 0)


@attack
def execute_a_memory_file(w: dict[str, Any]) -> None:
    handle = os.memfd_create("evil")
    os.write(handle, Path(os.path.realpath("/bin/true")).read_bytes())
    empty = (ctypes.c_char_p * 1)(None)
    call("execveat", handle, b"", empty, empty, 0x1000)  # AT_EMPTY_PATH


@attack
def execute_by_the_loader(w: dict[str, Any]) -> None:
    loader = next(p for p in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1") if os.path.exists(p))
    os.execv(loader, [loader, "/bin/true"])


@attack
def spawn_by_posix(w: dict[str, Any]) -> None:
    os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)


@attack
def spawn_a_shell(w: dict[str, Any]) -> None:
    assert os.system("true") == 0


# the own process, loosened


@attack
def switch_randomisation_off(w: dict[str, Any]) -> None:
    reach("personality", 0x0040000)


@attack
def take_a_user_again(w: dict[str, Any]) -> None:
    os.setuid(os.getuid())


@attack
def lift_its_limits(w: dict[str, Any]) -> None:
    for which in (resource.RLIMIT_FSIZE, resource.RLIMIT_AS, resource.RLIMIT_CORE):
        resource.setrlimit(which, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@attack
def ask_for_a_key(w: dict[str, Any]) -> None:
    reach("keyctl", 0, -3, 0)


@attack
def type_into_the_terminal(w: dict[str, Any]) -> None:
    _ioctl(0, 0x5412)


@attack
def paste_into_the_console(w: dict[str, Any]) -> None:
    _ioctl(0, 0x541C)


@attack
def type_into_the_terminal_with_garbage_above(w: dict[str, Any]) -> None:
    _ioctl(0, 0x5412 + (1 << 32))


def _ioctl(fd: int, request: int) -> None:
    libc.ioctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p]
    if libc.ioctl(fd, request, ctypes.create_string_buffer(b"x", 64)) == -1 and ctypes.get_errno() in REFUSED:
        raise OSError(ctypes.get_errno(), "ioctl")


@attack
def open_a_terminal(w: dict[str, Any]) -> None:
    for fd in os.openpty():
        os.close(fd)


@attack
def open_the_memory_of_the_machine(w: dict[str, Any]) -> None:
    os.close(os.open("/dev/kmsg", os.O_WRONLY))


@attack
def open_the_maker_of_terminals(w: dict[str, Any]) -> None:
    os.close(os.open("/dev/ptmx", os.O_RDWR))


@attack
def talk_over_a_vsock(w: dict[str, Any]) -> None:
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()


@attack
def send_raw_packets(w: dict[str, Any]) -> None:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()


@attack
def use_the_crypto_of_the_kernel(w: dict[str, Any]) -> None:
    socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET).close()


# links


@attack
def link_a_descriptor(w: dict[str, Any]) -> None:
    handle = os.open(w["model"], os.O_RDONLY)
    os.link(f"/proc/self/fd/{handle}", Path(w["scratch"]) / "linked", src_dir_fd=handle, follow_symlinks=True)


@attack
def move_a_folder_over_the_border(w: dict[str, Any]) -> None:
    (Path(w["scratch"]) / "folder").mkdir()
    os.rename(Path(w["scratch"]) / "folder", Path(w["home"]) / "folder")


@attack
def swap_over_the_border(w: dict[str, Any]) -> None:
    (Path(w["scratch"]) / "mine").write_text("evil")
    names = str(Path(w["scratch"]) / "mine").encode(), w["model"].encode()
    escapes.checked(libc.renameat2(-100, names[0], -100, names[1], 2), "renameat2")  # RENAME_EXCHANGE


@reading
def read_through_a_link_that_another_swaps(w: dict[str, Any]) -> None:
    """Someone outside turns a file of the scratch folder into a link to the secret and back, all the time."""
    path = w["race"]
    for _ in range(20_000):
        try:
            with open(path) as f:
                if "KEY" in f.read():
                    return
        except OSError:
            continue
    raise OSError(errno.EACCES, "the secret was never read")


@attack
def write_through_a_link_that_another_swaps(w: dict[str, Any]) -> None:
    for _ in range(2000):
        try:
            with open(w["race"], "r+b") as f:
                f.write(b"own")
        except OSError:
            continue
    if Path(w["secret"]).stat().st_size != 3 or w["secret_bytes"]() == b"own":
        return
    raise OSError(errno.EACCES, "the secret was never written")


# another instruction set: the kernel ends the process


def _x86_only() -> None:
    if not X86:
        raise OSError(errno.ENOSYS, "not on this machine")


@fatal
def call_by_the_numbers_of_x32(w: dict[str, Any]) -> None:
    _x86_only()
    if libc.syscall(ctypes.c_long(0x40000000 | 39)) == -1:  # getpid
        raise OSError(ctypes.get_errno(), "x32")


@fatal
def call_by_the_numbers_of_i386(w: dict[str, Any]) -> None:
    _x86_only()
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes.fromhex("b814000000cd80c3"))  # mov eax, 20 (getpid); int 0x80; ret
    address = ctypes.addressof(ctypes.c_char.from_buffer(code))
    if ctypes.CFUNCTYPE(ctypes.c_int)(address)() <= 0:
        raise OSError(errno.ENOSYS, "i386")


@fatal
def start_threads_that_call_it(w: dict[str, Any]) -> None:
    """A filter that binds one thread only would be passed by another one."""
    word: list[str] = []
    thread = threading.Thread(target=lambda: word.append(attempt(escapes.ATTACKS["talk_to_the_kernel"], w)))
    thread.start()
    thread.join()
    if word != ["ESCAPED"]:
        raise OSError(errno.EPERM, word)


class World(escapes.World):
    """… with a file of the scratch folder that is a link to the secret half of the time."""

    def plant(self) -> None:
        super().plant()
        self.race = self.scratch / "race"
        self._stop = threading.Event()
        self._swapper = threading.Thread(target=self._swap, daemon=True)
        self._swapper.start()

    def _swap(self) -> None:
        part, at = self.scratch / "race.part", 0
        while not self._stop.is_set():
            at += 1
            if at % 2:
                part.symlink_to(self.secret)
            else:
                part.write_text("own")
            os.replace(part, self.race)

    def clear(self) -> None:
        self._stop.set()
        self._swapper.join()
        super().clear()

    def describe(self, leaked: int) -> dict[str, Any]:
        return {**super().describe(leaked), "race": str(self.race)}


def control(folder: Path) -> dict[str, str]:
    """Every attack, unconfined, each in a fresh world and a process of its own."""
    world, outcomes = World(folder), {}
    for name, function in ATTACKS.items():
        world.plant()
        leaked = os.open(world.secret, os.O_RDONLY)
        if (pid := os.fork()) == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            word = attempt(function, with_secret(world.describe(leaked)))
            (world.folder / "word").write_text(word)
            os._exit(0 if word == "ESCAPED" else 1)
        _, status = os.waitpid(pid, 0)
        os.close(leaked)
        told = world.folder / "word"
        word = told.read_text() if told.exists() else f"status {status}"
        outcomes[name] = "ESCAPED" if os.waitstatus_to_exitcode(status) == 0 else word
        world.clear()
    world.close()
    return outcomes


def with_secret(w: dict[str, Any]) -> dict[str, Any]:
    handle = w["secret"]

    def content() -> bytes:
        try:
            return Path(handle).read_bytes()
        except OSError:
            return b"KEY"

    return {**w, "secret_bytes": content}


if __name__ == "__main__":
    if sys.argv[1] == "--control":
        report: dict[str, Any] = control(Path(sys.argv[2]))
    elif sys.argv[1] == "--sweep":
        report = sweep(json.loads(sys.argv[2]))
    else:
        described = with_secret(json.loads(sys.argv[1]))
        report = {name: attempt(ATTACKS[name], described) for name in sys.argv[2:]}
    sys.stdout.write(json.dumps(report))
