"""How long `import minidiff` takes beyond `import torch`.

    python tests/bench/import_time.py [--quick]

Each repetition is a fresh interpreter that imports torch and then minidiff; the smallest figures
count, because a busy machine only ever makes an import slower.
"""

import argparse
import subprocess
import sys

CODE = """
from time import perf_counter as now
a = now(); import torch
b = now(); import minidiff
c = now(); import minidiff.cli.generate
print(b - a, c - b, now() - c)
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="3 repetitions instead of 10")
    repetitions = 3 if parser.parse_args().quick else 10
    command = [sys.executable, "-c", CODE]
    runs = [subprocess.check_output(command, text=True).split() for _ in range(repetitions)]
    print(f"{'seconds, best of ' + str(repetitions):40}")
    names = ["import torch", "import minidiff, beyond it", "the command line, beyond both"]
    for name, seconds in zip(names, zip(*runs)):
        print(f"{name:40}{min(map(float, seconds)):8.3f}")


if __name__ == "__main__":
    main()
