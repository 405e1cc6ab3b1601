"""Files that are written beside their place and then renamed: a failed write leaves the old one."""

import os
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError


@contextmanager
def atomic_write(path):
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds.

    OSError in one sentence (a full disk, a missing folder) if not; the old file stays as it was.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    except (
        OSError,
        RuntimeError,
        SafetensorError,
    ) as error:  # torch and safetensors have their own
        raise OSError(f"cannot write {path}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path):
    """PermissionError if no file can be written at `path`."""
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise PermissionError(f"cannot write {path}: it or its folder does not allow that")
