"""The shipped digits-text: is what the words ask for there, and do the digits vary as real ones do?

    python tests/bench/digits_text.py [--quick] [--model NAME_OR_FOLDER]

2048 samples at the shipped w, steps and sampler, the median of 5 seeds: digit, thickness, slant and
size asked for, Frechet and recall beside real data, on seen and on held-out combinations. Then a
classifier with the judge's recipe, trained only on 20,000 generated digits, judges the real test
set, beside one trained on 20,000 real digits.
"""

import argparse

import torch

from minidiff.cli.models import open_model
from minidiff.data import digit_captions as captions
from minidiff.data import mnist
from minidiff.evaluation.digits import evaluate_text
from minidiff.evaluation.judges.digits import accuracy
from minidiff.evaluation.report import table
from minidiff.recipes.judges import train_judge
from minidiff.sampling import generator_at, samples


def test_accuracy(images, labels):
    """The test accuracy of a classifier trained on these digits alone."""
    real, truth = mnist.load("test")
    return accuracy(train_judge(images, labels), real / 255, truth)


def generated(model, n):
    """n digits from random prompts of the training stream that name one, and the digits named."""
    generator = generator_at(0, 2)
    labels, words = captions.facts("train")
    rows = captions.rows("train")
    chosen = rows[torch.randperm(len(rows), generator=generator)[:n]].tolist()
    prompts = [captions.describe(labels[i], words[i], generator, vague=0) for i in chosen]
    return samples(model, prompts, seed=1000), torch.tensor([labels[i] for i in chosen])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="256 samples, 1 seed, 2,000 digits")
    parser.add_argument("--model", default="digits-text")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model, _ = open_model(args.model, None)
    n, seeds, pupils = (256, 1, 2_000) if args.quick else (2048, 5, 20_000)
    print(f"w = {model.w:g}, {model.steps} steps, {model.sampler.__name__}")
    print(table(evaluate_text(model, n, seeds)))
    images, labels = mnist.load("train")
    few = torch.randperm(len(images), generator=generator_at(0, 3))[:pupils]
    real = test_accuracy(images[few] / 255, labels[few])
    made = test_accuracy(*generated(model, pupils))
    print(f"classifier trained on {pupils}: generated {made:.2%}, real {real:.2%}")


if __name__ == "__main__":
    main()
