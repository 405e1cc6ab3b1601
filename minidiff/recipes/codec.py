"""Sharpens the shipped codec: its decoder learns how pictures look; latents stay what they are.

`python -m minidiff.recipes.codec` trains a judge's network, then the decoder, and replaces the
codec in the shipped `codec` and `scenes`; their scores are to be measured anew. That network is a
SceneJudge from another seed: the judge that marks the pictures has no part in making them.
"""

import torch

from .. import pretrained
from ..codecs.perceptual import Sharpened
from ..data.scenes import any_scenes, scene_data
from ..evaluation.judges.scenes import SceneJudge
from ..training import trained


def main():
    torch.manual_seed(1)
    network = trained("network", SceneJudge(), any_scenes, 110_000, lr=4e-3, decay=0.998, seed=1)
    model, settings = Sharpened(pretrained.load("codec"), network), dict(lr=5e-4, decay=0.998)
    codec = trained("decoder", model, scene_data(), 36_000, batch=24, **settings).codec
    scenes = pretrained.load("scenes")
    scenes.codec.load_state_dict(codec.state_dict())
    for name, new in {"codec": codec, "scenes": scenes}.items():
        facts = pretrained.manifest()[name]
        del facts["file"], facts["sha256"], facts["scores"]  # of the old weights
        pretrained.save(name, new, **facts)


if __name__ == "__main__":
    main()
