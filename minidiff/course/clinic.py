"""The clinic: twelve patients, each the library with one line that is wrong.

`library(n)` is a copy of the library, used as the library is, with the line of patient n planted in
it; the library itself stays as it is. `tests/planted_bugs.py` plants the same lines and reads this
file alone, so it imports no other room.
"""

import importlib.util
import sys
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import SourceFileLoader
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Patient:
    """An illness: its name, the file, the line as it should be, the line as planted.

    symptom: what its owner sees. report: a public thread on the same illness, and what it says.
    test: the file of tests that must find it.
    """

    name: str
    symptom: str
    file: str
    right: str
    wrong: str
    test: str
    report: str


PATIENTS = [
    Patient(
        "data in 0..1 where -1..1 was meant",
        "the paper is grey",
        "codecs/pixels.py",
        "return 2 * pictures - 1",
        "return pictures",
        "test_codecs.py",
        'zengbohan0217/FADM, issue 2, "forget to rescale the images to -1~1?": asked, no answer',
    ),
    Patient(
        "the codec's scale lost",
        "a weave over every picture",
        "codecs/autoencoder.py",
        "self.picture(self.mean + self.std * x0)",
        "self.picture(x0)",
        "test_codecs.py",
        "seunghyuns98/VideoColorGrading, issue 5: latents enter training unscaled; confirmed",
    ),
    Patient(
        "captions never dropped",
        "guidance leads astray",
        "recipes/digits.py",
        "generator=generator) >= DROPPED",
        "generator=generator) >= 0",
        "test_conditions.py",
        "mlfoundations/open-diffusion, issue 6: guided, but trained without dropping; left out on "
        "purpose, as no difference was noticed",
    ),
    Patient(
        "a wrong sign in guidance",
        "any digit but the one asked for",
        "guidance.py",
        "torch.lerp(null(x, t), denoise(x, t), w)",
        "torch.lerp(denoise(x, t), null(x, t), w)",
        "test_denoiser.py",
        "labmlai/annotated_deep_learning_paper_implementations, issue 177: (s - 1) for (1 - s) in "
        "the formula; the code beside it was right",
    ),
    Patient(
        "alpha for alpha_bar",
        "always the same few digits",
        "schedules.py",
        "(1 - self.beta).cumprod(0)",
        "(1 - self.beta)",
        "test_schedules.py",
        "yang-song/score_sde_pytorch, issue 73: a product in the paper, 1 - beta in the code; asked, "
        "open",
    ),
    Patient(
        "a seed reused",
        "all pictures turn into one",
        "sampling.py",
        "torch.randn(x.shape[1:], generator=each) for each in generators",
        "torch.randn(x.shape[1:], generator=each.manual_seed(0)) for each in generators",
        "test_sampling.py",
        "yuvraj108c/ComfyUI-FLOAT, issue 21: a generator seeded inside the loop, so the same noise "
        "for every part; mended",
    ),
    Patient(
        "a time off by one",
        "grain that never goes",
        "samplers.py",
        "return zip(ts, marks, marks[1:])",
        "return zip(ts[1:], marks, marks[1:])",
        "test_samplers.py",
        "tue-bmd/zea, pull request 601: a noise level one step off where sampling starts half-way; "
        "merged",
    ),
    Patient(
        "x0 not clamped",
        "static",
        "guidance.py",
        "denoise(x, t, *cond).clamp(low, high)",
        "denoise(x, t, *cond)",
        "test_denoiser.py",
        'dome272/Diffusion-Models-pytorch, issue 20, "this code has no clamp on x0"; open',
    ),
    Patient(
        "another schedule in sampling than in training",
        "a veil, and grain in the paper",
        "model.py",
        "return self.denoiser.schedule",
        "return lambda t: (1 - t, t)",
        "test_model.py",
        'antgroup/echomimic, pull request 127: "scaled linear" in training, "linear" in use; noise in '
        "the background until they agree",
    ),
    Patient(
        "a mask forgotten",
        "the things asked for fall apart",
        "nets/layers.py",
        "attn_mask=mask)",
        "attn_mask=None)",
        "test_nets.py",
        "huggingface/diffusers, issue 12294: the text's mask is taken and not used; closed",
    ),
    Patient(
        "loss.backward(loss)",
        "learning that stalls",
        "training/loop.py",
        "mean.backward(inputs=own,",
        "mean.backward(mean, inputs=own,",
        "test_training.py",
        "sotte/pytorch_tutorial, issue 5: the loss handed to backward; an oversight, mended",
    ),
    Patient(
        "EMA not used",
        "scores that jump",
        "training/loop.py",
        "yield Progress(done, done * batch, average.model, value)",
        "yield Progress(done, done * batch, model, value)",
        "test_training.py",
        "harryjo97/GruM, issue 1: one of two samplers does not take the averaged weights; asked, open",
    ),
]


class Planted(MetaPathFinder, SourceFileLoader):
    """Finds and loads the one module of a copy of the library that has the patient's line."""

    def __init__(self, copy, patient):
        module = patient.file.removesuffix(".py").replace("/", ".")
        SourceFileLoader.__init__(self, f"{copy}.{module}", str(PACKAGE / patient.file))
        self.patient = patient

    def find_spec(self, fullname, path=None, target=None):
        if fullname == self.name:
            return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def get_code(self, fullname):
        source = Path(self.path).read_text(encoding="utf-8")
        if source.count(self.patient.right) != 1:
            raise ValueError(f"{self.patient.right!r} is not exactly once in {self.patient.file}")
        return compile(source.replace(self.patient.right, self.patient.wrong), self.path, "exec")


def library(number):
    """The library as patient 1 to 12 has it; 0 is the healthy one. Made once, then kept."""
    copy = f"minidiff_patient_{number}" if number else "minidiff"
    if copy not in sys.modules:
        if number:
            sys.meta_path.insert(0, Planted(copy, PATIENTS[number - 1]))
        spec = importlib.util.spec_from_file_location(
            copy, PACKAGE / "__init__.py", submodule_search_locations=[str(PACKAGE)]
        )
        sys.modules[copy] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[copy]


def chart(number):
    """Prints what patient 1 to 12 has: the illness, the sick line, the healthy one, a report."""
    patient = PATIENTS[number - 1]
    print(f"patient {number}: {patient.name}, in {patient.file}")
    print(f"  sick     {patient.wrong}\n  healthy  {patient.right}\nreport: {patient.report}")
