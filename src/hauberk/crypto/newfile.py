"""A file that appears whole or not at all.

Until its block ends well it has no name, where the file system can do that (O_TMPFILE): not even a killed process
leaves half a file behind. Elsewhere it has a hidden name, and is removed on any error.

>>> import tempfile
>>> path = Path(tempfile.mkdtemp()) / "new"
>>> with new_file(path) as fd:
...     _ = os.write(fd, b"whole"), path.exists()
>>> path.read_bytes()
b'whole'
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..core.errors import InputError

PRIVATE, PUBLIC = 0o600, 0o666


@contextmanager
def new_file(path: Path, *, mode: int = PRIVATE, replace: bool = False) -> Iterator[int]:
    """A descriptor to read and write; the file takes its name when the block ends without an error.

    mode: as of open(2), under the umask. replace: take the place of a file that is there. The content is not synced:
    call os.fsync where it must outlive a power cut.
    Raises InputError when there is a file already, or it cannot be made.
    """
    if not replace and os.path.lexists(path):
        raise InputError(f"{path}: is there already", hint="choose another name, or give --force")
    try:
        fd, hidden = _nameless(path, mode)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        yield fd
        _publish(fd, hidden, path, replace)
    finally:
        os.close(fd)
        if hidden is not None:
            with suppress(FileNotFoundError):
                hidden.unlink()


def reserve(fd: int, size: int) -> None:
    """Ask for the space at once: a full disk is told before the work, and writing is much faster.

    Raises OSError (ENOSPC, EFBIG) when there is none.
    """
    try:
        if size:
            os.posix_fallocate(fd, 0, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
        os.ftruncate(fd, size)  # a file system without it


def _nameless(path: Path, mode: int) -> tuple[int, Path | None]:
    flags = os.O_RDWR | os.O_CLOEXEC
    try:
        return os.open(path.parent, flags | os.O_TMPFILE, mode), None
    except (OSError, AttributeError) as error:  # another system, or a file system without it (EISDIR: an old kernel)
        if isinstance(error, OSError) and error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            raise
    hidden = _beside(path)
    return os.open(hidden, flags | os.O_CREAT | os.O_EXCL, mode), hidden


def _publish(fd: int, hidden: Path | None, path: Path, replace: bool) -> None:
    """Give the file its name. A link never takes the place of another file; a rename does."""
    try:
        if hidden is None and not replace:
            _link(fd, path)
            return
        if hidden is None:
            hidden = _beside(path)
            _link(fd, hidden)
        if replace:
            os.replace(hidden, path)
        else:
            os.link(hidden, path)
    except FileExistsError as error:
        raise InputError(f"{path}: was made by another meanwhile", hint="choose another name") from error


def _link(fd: int, path: Path) -> None:
    os.link(f"/proc/self/fd/{fd}", path, src_dir_fd=fd, follow_symlinks=True)  # any src_dir_fd: to have linkat(2)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name[:200]}.{secrets.token_hex(8)}")
