"""Files appear whole or not at all; a folder has one run at a time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from minidiff.errors import UserError
from minidiff.files import atomic_write, owned

ROOT = Path(__file__).parents[1]
HOLD = "import sys; from minidiff.files import owned\nwith owned(sys.argv[1]): print(1, flush=True); input()"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(OSError, match=r"cannot write .*a.txt: No space left"):
        with atomic_write(path) as temporary:
            temporary.write_text("half of it")
            raise OSError("No space left on device")
    assert path.read_text() == "old" and names(tmp_path) == ["a.txt"]


def test_an_error_of_the_work_is_told_as_what_it_is(tmp_path):
    for error in (RuntimeError("CUDA error"), UserError("bad"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught:
            with atomic_write(tmp_path / "a.txt") as temporary:
                temporary.write_text("half of it")
                raise error
        assert caught.value is error
    assert names(tmp_path) == []


def test_the_contents_are_on_the_disk_before_the_name(tmp_path, monkeypatch):
    done, sync, rename = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda number: (done.append("sync"), sync(number)))
    monkeypatch.setattr(os, "replace", lambda a, b: (done.append("rename"), rename(a, b)))
    with atomic_write(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert done == ["sync", "rename"] and (tmp_path / "a.txt").read_text() == "new"


def test_what_killed_processes_left_is_swept_up_and_nobody_elses(tmp_path):
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True
    )
    dead = f".a[1].txt.{int(gone.stdout)}.tmp"
    others = [f".b.txt.{int(gone.stdout)}.tmp", f".a[1].txt.{os.getppid()}.tmp", ".a[1].txt.x.tmp"]
    for name in (dead, *others):
        (tmp_path / name).touch()
    with atomic_write(tmp_path / "a[1].txt") as temporary:
        temporary.write_text("new")
    assert names(tmp_path) == sorted([*others, "a[1].txt"])


def test_a_link_is_followed_and_a_long_name_fits(tmp_path):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / ("n" * 249 + ".txt"), tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    with atomic_write(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink() and target.read_text() == "new"


def test_a_folder_that_another_process_owns_is_refused_until_it_ends(tmp_path):
    with owned(tmp_path):
        pass  # leaves its file, which hinders nobody
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    holder.stdout.readline()
    with pytest.raises(UserError, match="is being written by another run"):
        with owned(tmp_path):
            pass
    holder.kill()  # as it comes: no chance to tidy up
    holder.wait()
    with owned(tmp_path):
        pass
