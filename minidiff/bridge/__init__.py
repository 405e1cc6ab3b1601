"""The bridge to diffusers: its pipelines on our samplers, and our models under its pipelines.

    pipeline = load_pipeline("folder/of/a/pipeline")    # or any that diffusers made
    model = from_diffusers(pipeline)                    # a Model: denoiser, encoder, codec

What diffusers counts as index i = 0 ... T - 1 is our time t = (i + 1) / T; t = 0 is the data, which
it has no index for. Needs the extra `diffusers`.
"""

from .incoming import from_diffusers
from .outgoing import to_diffusers
from .pipelines import load_pipeline

__all__ = ["from_diffusers", "load_pipeline", "to_diffusers"]
