"""The system calls that a cell may make, by number on x86_64 and on aarch64 (None where it has no such call).

All that Python, NumPy, scikit-learn, PyTorch and ONNX Runtime need to load a model and to compute, and little else.
Not here, and so refused: sockets, fork, exec, ptrace, mount, namespaces, keys, bpf, io_uring, shared memory and
message queues, inotify, and whatever changes the mode, owner, times or attributes of a file, which Landlock does not.

>>> ALLOWED["read"]
(0, 63)
"""

from __future__ import annotations

_TABLE = """
read 0 63, write 1 64, readv 19 65, writev 20 66, pread64 17 67, pwrite64 18 68, preadv 295 69, pwritev 296 70,
lseek 8 62, close 3 57, close_range 436 436, dup 32 23, dup2 33 -, dup3 292 24, pipe 22 -, pipe2 293 59,
stat 4 -, fstat 5 80, lstat 6 -, newfstatat 262 79, statx 332 291, statfs 137 43, fstatfs 138 44,
access 21 -, faccessat 269 48, faccessat2 439 439, readlink 89 -, readlinkat 267 78,
getdents 78 -, getdents64 217 61, getcwd 79 17, fadvise64 221 223, fsync 74 82, fdatasync 75 83, umask 95 166,
poll 7 -, ppoll 271 73, select 23 -, pselect6 270 72, epoll_create 213 -, epoll_create1 291 20, epoll_ctl 233 21,
epoll_wait 232 -, epoll_pwait 281 22, eventfd2 290 19,
mmap 9 222, munmap 11 215, mremap 25 216, mprotect 10 226, madvise 28 233, brk 12 214, msync 26 227,
mlock 149 228, munlock 150 229, mbind 237 235, get_mempolicy 239 236, set_mempolicy 238 237, membarrier 324 283,
futex 202 98, set_robust_list 273 99, set_tid_address 218 96, rseq 334 293,
sched_yield 24 124, sched_getaffinity 204 123, sched_getparam 143 121, sched_getscheduler 145 120,
sched_get_priority_max 146 125, sched_get_priority_min 147 126, getcpu 309 168,
rt_sigaction 13 134, rt_sigprocmask 14 135, rt_sigreturn 15 139, rt_sigpending 127 136, rt_sigtimedwait 128 137,
rt_sigsuspend 130 133, sigaltstack 131 132, restart_syscall 219 128, pause 34 -,
nanosleep 35 101, clock_nanosleep 230 115, clock_gettime 228 113, clock_getres 229 114, gettimeofday 96 169,
time 201 -, times 100 153, alarm 37 -, setitimer 38 103, getitimer 36 102,
exit 60 93, exit_group 231 94, wait4 61 260, waitid 247 95,
getpid 39 172, gettid 186 178, getppid 110 173, getpgrp 111 -, getuid 102 174, geteuid 107 175,
getgid 104 176, getegid 108 177, getresuid 118 148, getresgid 120 150, getgroups 115 158,
getrlimit 97 163, getrusage 98 165, uname 63 160, sysinfo 99 179, getrandom 318 278, arch_prctl 158 -
"""

_WRITING = """
creat 85 -, rename 82 -, renameat 264 38, renameat2 316 276, unlink 87 -, unlinkat 263 35,
mkdir 83 -, mkdirat 258 34, rmdir 84 -, ftruncate 77 46, fallocate 285 47
"""

_EXAMINED = """
open 2 -, openat 257 56, clone 56 220, kill 62 129, tgkill 234 131, prlimit64 302 261, sched_setaffinity 203 122,
prctl 157 167, ioctl 16 29, fcntl 72 25
"""

MACHINES = ("x86_64", "aarch64")


def _read(table: str) -> dict[str, tuple[int | None, int | None]]:
    rows = [row.split() for row in table.replace("\n", " ").split(",")]
    return {name: (_number(x86), _number(arm)) for name, x86, arm in rows}


def _number(cell: str) -> int | None:
    return None if cell == "-" else int(cell)


ALLOWED = _read(_TABLE)
"""Whatever their arguments."""

WRITING = _read(_WRITING)
"""Only where something else decides which files they reach."""

EXAMINED = _read(_EXAMINED)
"""Depending on their arguments: see `seccomp`."""
