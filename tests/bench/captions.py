"""Poor captions, captions written anew and true ones, over seeds: section 8 of lesson 16.

    python tests/bench/captions.py [--seeds 3]

The lesson's own cells are run; only the seed of the first weights differs.
"""

import argparse
from pathlib import Path

import nbformat

LESSON = Path(__file__).parents[2] / "notebooks" / "16_one_space.ipynb"


def section(cells, begin, end):
    """The code of the cells from one heading to the next."""
    at = [k for k, cell in enumerate(cells) if {begin, end} & {*cell.source.splitlines()}]
    return [cell.source for cell in cells[slice(*at)] if cell.cell_type == "code"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    cells = nbformat.read(LESSON, 4).cells
    found = {}
    exec(next(cell.source for cell in cells if cell.cell_type == "code"), found)
    for source in section(cells, "## 8 Better captions", "## 9 DALL-E 2 and 3 on one page"):
        if source.startswith("students ="):
            break
        exec(source, found)
    F, torch, judge = found["F"], found["torch"], found["digit_judge"].load()
    asked = [k % 10 for k in range(200)]
    for seed in range(args.seeds):
        for name in ("poor", "anew", "labels"):
            student, shares = found["taught"](found[name], seed), []
            for w in (1.0, 2.0, 4.0):
                drawn = F.interpolate(student(asked, seed=0, w=w), size=28, mode="bicubic")
                drawn = drawn.clamp(0, 1)
                share = found["digit_judge"].accuracy(judge, drawn, torch.tensor(asked))
                shares.append(f"w = {w:g}: {share:.2f}")
            print(f"seed {seed}, {name}:", ", ".join(shares), flush=True)


if __name__ == "__main__":
    main()
