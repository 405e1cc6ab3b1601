"""The studio: paint, vary, blend, fill, enlarge and keep pictures, by functions or on one page.

from minidiff import studio
studio.open("a red fox in snow")                 # in a notebook; alone: `minidiff studio`
"""

from .files import read, save, save_all
from .page import Studio, open
from .shots import Shot, again, blend, enlarge, fill, grid, paint, resemble, restart, vary

__all__ = [
    "Shot", "Studio", "again", "blend", "enlarge", "fill", "grid", "open", "paint", "read", "resemble",
    "restart", "save", "save_all", "vary",
]  # fmt: skip
