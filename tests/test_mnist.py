"""The digits come out whole and in order, and a damaged file is named in one sentence."""

import hashlib
import lzma
import re
import shutil

import pytest
import torch

from minidiff.data import mnist, paths

SOURCE = mnist.find_datasets() / "mnist"
TEST_IMAGES = "t10k-images-idx3-ubyte.xz"
TEST_LABELS = "t10k-labels-idx1-ubyte.xz"


@pytest.fixture
def copy(tmp_path):
    """A folder with the test split's two files, to be damaged."""
    for name in (TEST_IMAGES, TEST_LABELS):
        shutil.copy(SOURCE / name, tmp_path)
    return tmp_path


def one_sentence(error, name):
    text = str(error.value)
    return name in text and "\n" not in text and len(text) < 400


@pytest.mark.parametrize("split, n", [("train", 60_000), ("test", 10_000)])
def test_shapes_and_types(split, n):
    images, labels = mnist.load(split)
    assert images.shape == (n, 1, 28, 28) and images.dtype == torch.uint8
    assert labels.shape == (n,) and labels.dtype == torch.int64
    assert labels.unique().tolist() == list(range(10))
    assert (images.min(), images.max()) == (0, 255)


def test_images_stand_upright_and_belong_to_their_labels():
    images, labels = mnist.load("test")
    ink = images[:, 0].float()
    # a one is narrower than it is tall, and a zero has its hole in the middle
    ones = ink[labels == 1].mean(0)
    assert ones.amax(1).gt(40).sum() > 1.2 * ones.amax(0).gt(40).sum()
    zeros = ink[labels == 0].mean(0)
    assert zeros[12:16, 12:16].mean() < 0.1 * zeros[12:16].amax()


def test_splits_share_no_image():
    def digests(split):
        return {hashlib.md5(x.numpy().tobytes()).digest() for x in mnist.load(split)[0]}

    assert not digests("train") & digests("test")


def test_loaded_once():
    assert mnist.load("test")[0] is mnist.load("test")[0]


def test_another_root(copy):
    images, labels = mnist.load("test", root=copy)
    assert torch.equal(images, mnist.load("test")[0])
    assert torch.equal(labels, mnist.load("test")[1])


@pytest.mark.parametrize("name", [TEST_IMAGES, TEST_LABELS])
@pytest.mark.parametrize("keep", [0, 5, 1000, -1])
def test_truncated(copy, name, keep):
    path = copy / name
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match="damaged") as error:
        mnist.load("test", root=copy)
    assert one_sentence(error, str(path))


@pytest.mark.parametrize("place", [0, 100, 2000, -6])
def test_one_flipped_bit(copy, place):
    path = copy / TEST_LABELS
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged") as error:
        mnist.load("test", root=copy)
    assert one_sentence(error, str(path))


def test_sound_archive_of_other_content(copy):
    path = copy / TEST_LABELS
    content = bytearray(lzma.decompress(path.read_bytes()))
    content[-1] ^= 1  # one wrong label in a file that xz finds whole
    path.write_bytes(lzma.compress(content))
    with pytest.raises(ValueError, match="MD5") as error:
        mnist.load("test", root=copy)
    assert one_sentence(error, str(path))


def test_missing(copy):
    (copy / TEST_LABELS).unlink()
    with pytest.raises(FileNotFoundError, match="missing") as error:
        mnist.load("test", root=copy)
    assert one_sentence(error, str(copy / TEST_LABELS))


def test_unknown_split():
    with pytest.raises(ValueError, match="'validation'") as error:
        mnist.load("validation")
    assert one_sentence(error, "split")


def test_missing_data_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "__file__", str(tmp_path / "minidiff" / "data" / "paths.py"))
    with pytest.raises(FileNotFoundError) as error:
        mnist.find_datasets()
    assert one_sentence(error, str(tmp_path / "datasets"))


def test_checksums_are_those_of_the_provenance():
    readme = (mnist.find_datasets() / "README.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"`(\S+)\.xz` .* `([0-9a-f]{32})`", readme))
    assert listed == mnist.FILES["train"] | mnist.FILES["test"]
