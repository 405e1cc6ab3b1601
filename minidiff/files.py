"""Files that are written beside their place and then renamed, and folders that one run owns."""

import os
from contextlib import contextmanager
from pathlib import Path

from .errors import UserError, shown


@contextmanager
def atomic_write(path):
    """Yield a temporary path beside `path`; rename what the block wrote to `path` if it succeeds.

    Once the block is left the file is whole and on the disk, or the old one is as it was; a link is
    followed. OSError in one sentence if the file cannot be written (a full disk, a missing folder);
    other errors of the block are its own and pass.
    """
    named, path = path, Path(os.path.realpath(path))
    stem = f".{path.name[:50]}"  # a name may be as long as the system allows
    temporary = path.with_name(f"{stem}.{os.getpid()}.tmp")
    try:
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError("it is read-only")
        for stray in path.parent.glob(f"{glob_safe(stem)}.*.tmp"):
            if not is_alive(stray.name.split(".")[-2]):  # left by a process that was killed
                stray.unlink(missing_ok=True)
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())  # or the new name could reach the disk before the contents
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(f"cannot write {shown(named)}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def glob_safe(text):
    """The text as a pattern that matches it alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in text)


def is_alive(pid):
    """Whether a process of this number, a text, may still run; asked on POSIX systems only."""
    if os.name != "posix" or not pid.isdecimal():
        return True
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        pass
    return True


def check_writable(path):
    """PermissionError if no file can be written at `path`."""
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise PermissionError(f"cannot write {shown(path)}: it or its folder does not allow that")


@contextmanager
def owned(folder, wait=False):
    """Own a folder while the block runs: a second process is refused, or with `wait` waits.

    The system frees the lock of a process that ends, however it ends; the empty file `.lock` stays.
    UserError for a folder that another process owns.
    """
    with open(Path(folder) / ".lock", "a+b") as file:
        if not lock(file, wait):
            raise UserError(
                f"{shown(folder)} is being written by another run; wait for it, or choose another "
                "folder"
            )
        yield


def lock(file, wait):
    """Lock an open file for this process, not for the children it forks; whether that worked."""
    try:
        if os.name == "posix":
            import fcntl

            fcntl.lockf(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        else:
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True
