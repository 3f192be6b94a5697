"""Attempts to get out of a cell. Run as a module in a cell, or with `--control` unconfined, each in its own process.

Each function returns when it has succeeded and raises when it was refused. `World` is what they attack.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import mmap
import os
import platform
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

SYSCALLS = {
    "x86_64": {
        "clone": 56, "fork": 57, "ptrace": 101, "process_vm_readv": 310, "mount": 165, "unshare": 272, "setns": 308,
        "bpf": 321, "perf_event_open": 298, "keyctl": 250, "add_key": 248, "userfaultfd": 323, "shmget": 29,
        "inotify_add_watch": 254, "inotify_init1": 294, "name_to_handle_at": 303, "mq_open": 240, "execveat": 322,
        "memfd_create": 319, "chroot": 161, "rt_sigqueueinfo": 129, "openat2": 437,
    },
    "aarch64": {
        "clone": 220, "ptrace": 117, "process_vm_readv": 270, "mount": 40, "unshare": 97, "setns": 268, "bpf": 280,
        "perf_event_open": 241, "keyctl": 219, "add_key": 217, "userfaultfd": 282, "shmget": 194,
        "inotify_add_watch": 27, "inotify_init1": 26, "name_to_handle_at": 264, "mq_open": 180, "execveat": 281,
        "memfd_create": 279, "chroot": 51, "rt_sigqueueinfo": 138, "openat2": 437,
    },
}.get(platform.machine(), {})  # fmt: skip
SAME = {"io_uring_setup": 425, "clone3": 435, "pidfd_open": 434, "pidfd_send_signal": 424, "pidfd_getfd": 438}

Attack = Callable[[dict[str, Any]], object]
ATTACKS: dict[str, Attack] = {}

READING: set[str] = set()
"""Attacks that only read: all that a system with nothing but seccomp lets pass."""

LEAKS = {"see_that_a_file_is_there", "see_where_a_link_leads"}
"""Known, documented, and harmless without a way out: Landlock hides contents, not existence."""


def attack(function: Attack) -> Attack:
    ATTACKS[function.__name__] = function
    return function


def reading(function: Attack) -> Attack:
    READING.add(function.__name__)
    return attack(function)


def call(name: str, *arguments: Any) -> int:
    number = SAME.get(name) or SYSCALLS[name]
    plain = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return checked(libc.syscall(ctypes.c_long(number), *plain), name)


def checked(result: int, what: str) -> int:
    if result == -1:
        raise OSError(ctypes.get_errno(), what)
    return result


# files: writing


@attack
def write_into_home(w: dict[str, Any]) -> None:
    (Path(w["home"]) / "planted").write_text("x")


@attack
def write_into_tmp(w: dict[str, Any]) -> None:
    handle, path = tempfile.mkstemp(dir="/tmp")
    os.close(handle)
    os.unlink(path)


@attack
def write_into_shared_memory(w: dict[str, Any]) -> None:
    Path("/dev/shm/hauberk-escape").write_text("x")
    os.unlink("/dev/shm/hauberk-escape")


@attack
def write_beside_python(w: dict[str, Any]) -> None:
    handle, path = tempfile.mkstemp(dir=os.path.dirname(os.__file__))
    os.close(handle)
    os.unlink(path)


@attack
def overwrite_the_model(w: dict[str, Any]) -> None:
    with open(w["model"], "r+b") as f:
        f.write(b"evil")


@attack
def append_to_the_model(w: dict[str, Any]) -> None:
    os.close(os.open(w["model"], os.O_WRONLY | os.O_APPEND))


@attack
def truncate_the_model(w: dict[str, Any]) -> None:
    os.truncate(w["model"], 0)


@attack
def truncate_the_model_by_reading(w: dict[str, Any]) -> None:
    os.open(w["model"], os.O_RDONLY | os.O_TRUNC)


@attack
def delete_the_model(w: dict[str, Any]) -> None:
    os.unlink(w["model"])


@attack
def replace_the_model(w: dict[str, Any]) -> None:
    (Path(w["scratch"]) / "evil").write_text("evil")
    os.replace(Path(w["scratch"]) / "evil", w["model"])


@attack
def reopen_the_model_for_writing(w: dict[str, Any]) -> None:
    handle = os.open(w["model"], os.O_RDONLY)
    os.open(f"/proc/self/fd/{handle}", os.O_RDWR)


@attack
def change_the_mode(w: dict[str, Any]) -> None:
    os.chmod(w["secret"], 0o777)


@attack
def change_the_owner(w: dict[str, Any]) -> None:
    os.chown(w["secret"], os.getuid(), os.getgid())


@attack
def change_the_times(w: dict[str, Any]) -> None:
    os.utime(w["secret"], (1, 1))


@attack
def change_the_attributes(w: dict[str, Any]) -> None:
    os.setxattr(w["secret"], "user.evil", b"x")


@attack
def make_a_folder(w: dict[str, Any]) -> None:
    os.mkdir(Path(w["home"]) / "folder")


@attack
def write_core_pattern(w: dict[str, Any]) -> None:
    os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY))


@attack
def write_through_a_planted_link(w: dict[str, Any]) -> None:
    Path(w["link_out"]).write_text("evil")


@attack
def write_above_the_scratch_folder(w: dict[str, Any]) -> None:
    (Path(w["scratch"]) / ".." / "above").write_text("x")


@attack
def make_a_link_in_scratch(w: dict[str, Any]) -> None:
    os.symlink(w["secret"], Path(w["scratch"]) / "soft")


@attack
def make_a_hard_link_in_scratch(w: dict[str, Any]) -> None:
    os.link(w["secret"], Path(w["scratch"]) / "hard")


@attack
def make_a_fifo_in_scratch(w: dict[str, Any]) -> None:
    os.mkfifo(Path(w["scratch"]) / "fifo")


@attack
def move_the_secret_into_scratch(w: dict[str, Any]) -> None:
    os.rename(w["secret"], Path(w["scratch"]) / "moved")


# files: reading


@reading
def read_a_secret(w: dict[str, Any]) -> None:
    assert "KEY" in Path(w["secret"]).read_text()


@reading
def read_a_secret_through_a_planted_link(w: dict[str, Any]) -> None:
    assert "KEY" in Path(w["link_secret"]).read_text()


@reading
def read_a_secret_through_dots(w: dict[str, Any]) -> None:
    path = Path(w["scratch"]) / ".." / "home" / ".ssh" / "id_ed25519"
    assert "KEY" in path.read_text()


@reading
def read_a_secret_through_the_root_of_another(w: dict[str, Any]) -> None:
    assert "KEY" in Path(f"/proc/{w['victim']}/root{w['secret']}").read_text()


@reading
def read_a_secret_through_its_own_root(w: dict[str, Any]) -> None:
    assert "KEY" in Path(f"/proc/self/root{w['secret']}").read_text()


@attack
def read_a_secret_by_openat2(w: dict[str, Any]) -> None:
    how = struct.pack("=QQQ", os.O_RDONLY, 0, 0)
    os.close(call("openat2", -100, w["secret"].encode(), how, len(how)))


@reading
def list_home(w: dict[str, Any]) -> None:
    assert os.listdir(w["home"])


@reading
def read_accounts(w: dict[str, Any]) -> None:
    assert Path("/etc/passwd").read_text()


@reading
def read_the_environment_of_the_parent(w: dict[str, Any]) -> None:
    assert Path(f"/proc/{w['parent']}/environ").read_bytes()


@reading
def read_the_command_line_of_the_parent(w: dict[str, Any]) -> None:
    assert Path(f"/proc/{w['parent']}/cmdline").read_bytes()


@reading
def open_the_memory_of_the_parent(w: dict[str, Any]) -> None:
    os.close(os.open(f"/proc/{w['parent']}/mem", os.O_RDONLY))


@reading
def list_connections(w: dict[str, Any]) -> None:
    assert f":{w['tcp']:04X} " in Path("/proc/self/net/tcp").read_text()


@reading
def list_connections_by_thread(w: dict[str, Any]) -> None:
    assert f":{w['tcp']:04X} " in Path("/proc/thread-self/net/tcp").read_text()


@reading
def list_mounts(w: dict[str, Any]) -> None:
    assert Path("/proc/self/mountinfo").read_text()


@attack
def write_the_memory_of_another(w: dict[str, Any]) -> None:
    os.close(os.open(f"/proc/{w['victim']}/mem", os.O_RDWR))


@reading
def see_that_a_file_is_there(w: dict[str, Any]) -> None:
    assert os.stat(w["secret"]).st_size == 3


@reading
def see_where_a_link_leads(w: dict[str, Any]) -> None:
    assert os.readlink(w["link_secret"]) == w["secret"]


@attack
def watch_home(w: dict[str, Any]) -> None:
    handle = call("inotify_init1", 0)
    call("inotify_add_watch", handle, w["home"].encode(), 0xFFF)


@attack
def name_a_handle(w: dict[str, Any]) -> None:
    buffer = ctypes.create_string_buffer(struct.pack("=Ii", 128, 0) + bytes(128))
    call("name_to_handle_at", -100, w["secret"].encode(), buffer, ctypes.byref(ctypes.c_int()), 0)


@attack
def read_a_token_of_the_environment(w: dict[str, Any]) -> None:
    assert "HAUBERK_TEST_TOKEN" in os.environ


@attack
def find_an_open_file(w: dict[str, Any]) -> None:
    assert os.pread(w["leaked"], 3, 0) == b"KEY"


# network


def send(family: int, kind: int, address: Any) -> None:
    with socket.socket(family, kind) as s:
        s.settimeout(5)
        s.connect(address)
        s.send(b"out")


@attack
def connect_by_tcp(w: dict[str, Any]) -> None:
    send(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", w["tcp"]))


@attack
def send_by_udp(w: dict[str, Any]) -> None:
    send(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", w["udp"]))


@attack
def connect_by_unix_path(w: dict[str, Any]) -> None:
    send(socket.AF_UNIX, socket.SOCK_STREAM, w["unix"])


@attack
def connect_by_abstract_name(w: dict[str, Any]) -> None:
    send(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + w["abstract"])


@attack
def listen_by_tcp(w: dict[str, Any]) -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()


@attack
def talk_to_the_kernel(w: dict[str, Any]) -> None:
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close()


@attack
def make_a_socket_pair(w: dict[str, Any]) -> None:
    for s in socket.socketpair():
        s.close()


# other processes


@attack
def fork(w: dict[str, Any]) -> None:
    if (pid := os.fork()) == 0:
        os._exit(0)
    os.waitpid(pid, 0)


@attack
def clone_a_process(w: dict[str, Any]) -> None:
    if (pid := call("clone", int(signal.SIGCHLD), 0, 0, 0, 0)) == 0:
        os._exit(0)
    os.waitpid(pid, 0)


@attack
def clone3_a_process(w: dict[str, Any]) -> None:
    arguments = struct.pack("=8Q", 0, 0, 0, 0, int(signal.SIGCHLD), 0, 0, 0)
    if (pid := call("clone3", arguments, len(arguments))) == 0:
        os._exit(0)
    os.waitpid(pid, 0)


@attack
def spawn(w: dict[str, Any]) -> None:
    subprocess.run(["/bin/true"], check=True)


@attack
def execute(w: dict[str, Any]) -> None:
    os.execv(sys.executable, [sys.executable, "-c", "print('executed')"])


@attack
def execute_from_memory(w: dict[str, Any]) -> None:
    handle = os.memfd_create("evil")
    with open(os.path.realpath("/bin/true"), "rb") as source:
        os.write(handle, source.read())
    os.execve(handle, ["true"], {})


@attack
def kill_another(w: dict[str, Any]) -> None:
    os.kill(w["victim"], signal.SIGKILL)


@attack
def kill_all(w: dict[str, Any]) -> None:
    os.kill(-1, 0)


@attack
def queue_a_signal(w: dict[str, Any]) -> None:
    info = struct.pack("=iii", 0, 0, -1) + bytes(116)
    call("rt_sigqueueinfo", w["victim"], int(signal.SIGKILL), info)


@attack
def kill_another_by_pidfd(w: dict[str, Any]) -> None:
    signal.pidfd_send_signal(os.pidfd_open(w["victim"]), signal.SIGKILL)


@attack
def kill_another_by_async_io(w: dict[str, Any]) -> None:
    r, t = os.pipe()
    fcntl.fcntl(r, fcntl.F_SETOWN, w["victim"])
    fcntl.fcntl(r, 10, signal.SIGKILL)  # F_SETSIG
    fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC)
    os.write(t, b"x")


@attack
def attach_to_another(w: dict[str, Any]) -> None:
    call("ptrace", 0x4206, w["victim"], 0, 0)  # PTRACE_SEIZE


@attack
def read_the_memory_of_another(w: dict[str, Any]) -> None:
    with open("/proc/self/maps") as maps:
        address = int(maps.readline().split("-")[0], 16)
    buffer = ctypes.create_string_buffer(4)
    local = struct.pack("=QQ", ctypes.addressof(buffer), 4)
    remote = struct.pack("=QQ", address, 4)
    try:
        call("process_vm_readv", w["victim"], local, 1, remote, 1, 0)
    except OSError as error:
        if error.errno != errno.EFAULT:  # it was allowed to look, and nothing is there
            raise


@attack
def limit_another(w: dict[str, Any]) -> None:
    resource.prlimit(w["victim"], resource.RLIMIT_NOFILE, (3, 3))


@attack
def pin_another(w: dict[str, Any]) -> None:
    os.sched_setaffinity(w["victim"], {0})


@attack
def slow_another(w: dict[str, Any]) -> None:
    os.setpriority(os.PRIO_PROCESS, w["victim"], 19)


@attack
def outlive_the_parent(w: dict[str, Any]) -> None:
    checked(libc.prctl(1, 0, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")


@attack
def become_dumpable(w: dict[str, Any]) -> None:
    checked(libc.prctl(4, 1, 0, 0, 0), "prctl(PR_SET_DUMPABLE)")


@attack
def share_memory(w: dict[str, Any]) -> None:
    call("shmget", 0, 4096, 0o600 | 0o1000)


# the kernel


@attack
def mount(w: dict[str, Any]) -> None:
    call("mount", b"none", w["home"].encode(), b"tmpfs", 0, b"")
    libc.umount2(w["home"].encode(), 2)


@attack
def unshare_user(w: dict[str, Any]) -> None:
    call("unshare", 0x10000000)


@attack
def change_root(w: dict[str, Any]) -> None:
    call("chroot", w["home"].encode())


@attack
def io_uring(w: dict[str, Any]) -> None:
    call("io_uring_setup", 4, ctypes.create_string_buffer(120))


@attack
def load_bpf(w: dict[str, Any]) -> None:
    attributes = struct.pack("=IIII", 2, 4, 4, 1) + bytes(56)  # BPF_MAP_TYPE_ARRAY
    os.close(call("bpf", 0, attributes, len(attributes)))


@attack
def measure_performance(w: dict[str, Any]) -> None:
    attributes = struct.pack("=IIQ", 1, 112, 0) + bytes(96)
    os.close(call("perf_event_open", attributes, 0, -1, -1, 0))


@attack
def handle_page_faults(w: dict[str, Any]) -> None:
    os.close(call("userfaultfd", 1))


@attack
def add_a_key(w: dict[str, Any]) -> None:
    call("add_key", b"user", b"hauberk", b"x", 1, -2)


@attack
def make_memory_file(w: dict[str, Any]) -> None:
    os.close(os.memfd_create("x"))


@attack
def take_all_memory(w: dict[str, Any]) -> None:
    mmap.mmap(-1, 32 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)  # MAP_NORESERVE


@attack
def fill_the_disk(w: dict[str, Any]) -> None:
    with open(Path(w["scratch"]) / "big", "wb") as f:
        f.seek(2 << 20)
        f.write(b"x")


# the world


class World:
    """Files, listeners and a process to attack, below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home, self.scratch = folder / "home", folder / "scratch"
        self.model, self.secret = folder / "model.bin", self.home / ".ssh" / "id_ed25519"
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.unix, self.abstract = (socket.socket(socket.AF_UNIX) for _ in range(2))
        self.unix_path = tempfile.mktemp(dir="/tmp", prefix="hauberk-")
        self.unix.bind(self.unix_path)
        self.abstract.bind("\0" + self.unix_path)
        for listener in (self.unix, self.abstract):
            listener.listen()
        for s in self.listeners:
            s.setblocking(False)

    @property
    def listeners(self) -> list[socket.socket]:
        return [self.tcp, self.udp, self.unix, self.abstract]

    def plant(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.scratch.mkdir(parents=True)
        self.secret.parent.mkdir(parents=True)
        self.secret.write_text("KEY")
        self.secret.chmod(0o600)
        os.utime(self.secret, (1e9, 1e9))
        self.model.write_bytes(b"model")
        (self.scratch / "link_out").symlink_to(self.home / "through")
        (self.scratch / "link_secret").symlink_to(self.secret)
        self.victim = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])

    def clear(self) -> None:
        self.victim.kill()
        self.victim.wait()

    def close(self) -> None:
        for s in self.listeners:
            s.close()
        os.unlink(self.unix_path)

    def describe(self, leaked: int) -> dict[str, Any]:
        return {
            "home": str(self.home), "scratch": str(self.scratch), "model": str(self.model), "secret": str(self.secret),
            "link_out": str(self.scratch / "link_out"), "link_secret": str(self.scratch / "link_secret"),
            "tcp": self.tcp.getsockname()[1], "udp": self.udp.getsockname()[1], "unix": self.unix_path,
            "abstract": self.unix_path, "victim": self.victim.pid, "parent": os.getpid(), "leaked": leaked,
        }  # fmt: skip

    def snapshot(self) -> list[tuple[Any, ...]]:
        """Everything that an attack could have changed outside the scratch folder."""
        found = []
        for path in sorted(self.folder.rglob("*")):
            if self.scratch in (path, *path.parents):
                continue
            state = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            found.append((str(path), state.st_mode, state.st_uid, state.st_nlink, int(state.st_mtime), content))
        return found

    def heard(self) -> list[int]:
        """Which listeners someone has reached."""
        return [i for i, s in enumerate(self.listeners) if _has_heard(s)]


def _has_heard(s: socket.socket) -> bool:
    try:
        if s.type == socket.SOCK_DGRAM:
            s.recv(10)
        else:
            s.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def attempt(function: Attack, world: dict[str, Any]) -> str:
    try:
        function(world)
    except BaseException as error:  # noqa: BLE001  whatever refused it
        return f"refused: {type(error).__name__}: {error}"
    return "ESCAPED"


def control(folder: Path) -> dict[str, str]:
    """Every attack, unconfined, each in a fresh world and a process of its own."""
    world, outcomes = World(folder), {}
    for name, function in ATTACKS.items():
        world.plant()
        leaked = os.open(world.secret, os.O_RDONLY)
        if (pid := os.fork()) == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            word = attempt(function, world.describe(leaked))
            if word != "ESCAPED":
                (world.folder / "word").write_text(word)
            os._exit(0 if word == "ESCAPED" else 1)
        _, status = os.waitpid(pid, 0)
        os.close(leaked)
        word = world.folder / "word"
        failed = word.read_text() if word.exists() else f"status {status}"
        outcomes[name] = "ESCAPED" if os.waitstatus_to_exitcode(status) == 0 else failed
        world.clear()
    world.close()
    return outcomes


if __name__ == "__main__":
    if sys.argv[1] == "--control":
        report = control(Path(sys.argv[2]))
    else:
        report = {name: attempt(function, json.loads(sys.argv[1])) for name, function in ATTACKS.items()}
    sys.stdout.write(json.dumps(report))
