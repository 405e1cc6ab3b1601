"""MNIST's 70,000 handwritten digits, read straight from the IDX files in `datasets/mnist`."""

import hashlib
import lzma
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from ..errors import UserError
from .paths import find_datasets

# file stem -> MD5 of the unpacked file, as published with the data set
FILES = {
    "train": {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    },
    "test": {
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
}


def read_idx(path, md5):
    """The array of unsigned bytes in an IDX file, packed by xz, whose unpacked MD5 is `md5`.

    Raises FileNotFoundError if it is missing, UserError if it is damaged; both name the file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"the MNIST file {path} is missing")
    try:
        content = lzma.decompress(path.read_bytes())
    except (EOFError, lzma.LZMAError) as error:
        raise UserError(f"the MNIST file {path} is damaged or truncated: {error}") from error
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise UserError(f"the MNIST file {path} is damaged: its MD5 is {found}, it must be {md5}")
    # header: two zero bytes, the type (8 = unsigned byte), the rank, then each size as big-endian
    # int32; the checksum has vouched for the first three
    rank = content[3]
    shape = np.frombuffer(content, ">i4", count=rank, offset=4)
    # a copy, because a tensor must not share memory with an immutable `bytes`
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape).copy()


@lru_cache
def load(split="train", root=None):
    """Images (N, 1, 28, 28) uint8, 0 = paper, 255 = ink, and labels (N,) int64: N = 60,000 or 10,000.

    split: "train" or "test"; root: the folder of the four .xz files, `datasets/mnist` if None.
    The result is cached and shared: copy it before changing it in place. A missing file raises
    FileNotFoundError, a damaged one UserError.
    LeCun, Cortes and Burges, "The MNIST database of handwritten digits".
    """
    if split not in FILES:
        raise UserError(f'split must be "train" or "test", got {split!r}')
    folder = find_datasets() / "mnist" if root is None else Path(root)
    images, labels = (
        torch.from_numpy(read_idx(folder / f"{stem}.xz", md5)) for stem, md5 in FILES[split].items()
    )
    return images[:, None], labels.long()
