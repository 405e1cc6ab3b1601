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
    check_writable(path)
    named, path = path, Path(os.path.realpath(path))
    stem = f".{path.name[:50]}"  # a name may be as long as the system allows
    temporary = path.with_name(f"{stem}.{os.getpid()}.tmp")
    try:
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
    """OSError in one sentence if no file can be written at `path`; a link is followed."""
    try:
        wrong = hindrance(Path(path), Path(os.path.realpath(path)))
    except OSError as error:  # such as a name that is too long
        wrong = error.strerror or error
    if wrong:
        raise PermissionError(f"cannot write {shown(path)}: {wrong}")


def hindrance(path, target):
    """Why `path`, which means the file `target`, cannot be written, in words; "" if it can."""
    if not path.parent.is_dir():
        return f"there is no folder {shown(path.parent)}"
    if not target.parent.is_dir():
        return f"it is a link to a folder that is not there, {shown(target.parent)}"
    if target.exists() and not target.is_file():
        return "it is no file"
    if not os.access(target.parent, os.W_OK):
        return "its folder does not allow that"
    if target.exists() and not (os.access(target, os.W_OK) and target.stat().st_mode & 0o222):
        return "it is read-only"  # for root, too, who could
    return ""


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
