"""minidiff: diffusion models small enough to read in an evening.

import minidiff
model = minidiff.load("digits")
pictures = model([3, 1, 4])          # (3, 1, 28, 28), in 0..1
"""

from importlib import import_module

# A room is opened when something in it is first asked for: PyTorch takes seconds to load, and the
# command line's help does not need it.
ROOMS = {
    "codecs": ["Autoencoder", "Pixels", "Scaled"],
    "conditions": ["LabelEncoder", "TextEncoder", "Tokenizer", "Unconditional"],
    "denoiser": ["TARGETS", "Denoiser", "noising"],
    "guidance": ["clip", "given", "guidance_interval", "guide", "guide_at_once"],
    "model": ["Model"],
    "nets": ["PointNet", "UNet"],
    "pretrained": ["load"],
    "rescaling": ["guidance_rescale"],
    "samplers": ["consistency", "ddim", "ddpm", "dpmpp_2m", "heun", "last", "noise_from"],
    "schedules": [
        "DDPM", "cosine", "flow", "log_snr", "log_snr_grid", "logit_normal_times",
        "root_times", "stratified_times", "uniform_grid",
    ],
    "training": ["train"],
}  # fmt: skip
ROOM_OF = {name: room for room, names in ROOMS.items() for name in names}
__all__ = sorted(ROOM_OF)


def __getattr__(name):
    """`minidiff.NAME` from its room, and each room by its own name (PEP 562)."""
    if name in ROOM_OF:
        return getattr(import_module(f".{ROOM_OF[name]}", __name__), name)
    if name in ROOMS:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return [*globals(), *__all__]
