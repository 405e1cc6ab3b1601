"""Whether checks see wrong answers: every solution with one slip, made by rule, is marked.

    nice -n 10 python tests/bench/checks.py [--each N] [--seed 0] [--all] [lesson or exercise ...]

One table by lesson: how many wrong versions ran, were refused, and by what: a sentence of the
exercise, one that recognises the slip, their form (a shape, a missing return), a distance alone.
"told" is the share of the first two: it names the slip. Versions that raise an error stand apart, and so do those that are right as well, each with
its reason, in equivalent_mutants.json. Lists what was accepted; --all lists the messages, too.
"""

import argparse
import contextlib
import io
import json
import multiprocessing
import random
import re
import resource
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from answer_mutants import mutants

EQUIVALENT = Path(__file__).with_name("equivalent_mutants.json")
SECONDS = 10  # for one version
MEMORY = 8 * 2**30  # address space of the process that runs them
DISTANCE = re.compile(r"it differs from the expected values by|it is another value")
FORM = re.compile(r"it returned |it returns nothing|$")
RAISED, WRITTEN, SLIP, BY_FORM, FAR, ACCEPTED, SLOW = (
    "raised", "written", "slip", "form", "distance", "accepted", "too long"
)  # fmt: skip


def fate(name, source):
    """(what became of a wrong version of that source, what its learner is told)."""
    from minidiff import schedules
    from minidiff.course.exercises import find, grade

    ex = find(name)
    if ex.is_value:
        answer = eval(source)  # noqa: S307
    else:
        space = {"cosine": schedules.cosine, "flow": schedules.flow} | ex.solution.__globals__
        exec(source, space)  # noqa: S102
        answer = space[ex.solution.__name__]
    with contextlib.redirect_stdout(io.StringIO()):
        result = grade(name, answer)
    told = result.message
    if result.status == "correct":
        return ACCEPTED, told
    if told in ex.wrong.values():
        return WRITTEN, told
    kinds = [(DISTANCE, FAR), (FORM, BY_FORM), (re.compile("it raised"), RAISED)]
    return next((kind for look, kind in kinds if look.match(told)), SLIP), told


def serve(pipe):
    """Answers (name, source) with its fate, until the pipe is closed."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with contextlib.suppress(EOFError):
        while True:
            name, source = pipe.recv()
            try:
                pipe.send(fate(name, source))
            except Exception as error:  # noqa: BLE001 (a version may break in any way)
                pipe.send((RAISED, f"{type(error).__name__}: {error}"))


class Worker:
    """A process that runs versions one after another, and a new one after one that took too long."""

    def __init__(self):
        self.process = None

    def run(self, name, source):
        if self.process is None:
            context = multiprocessing.get_context("spawn")
            self.pipe, theirs = context.Pipe()
            self.process = context.Process(target=serve, args=(theirs,), daemon=True)
            self.process.start()
            theirs.close()
            self.pipe.send(("00.1", "''"))  # the imports take longer than a version may
            self.pipe.recv()
        self.pipe.send((name, source))
        with contextlib.suppress(EOFError):
            if self.pipe.poll(SECONDS):
                return self.pipe.recv()
        self.process.kill()
        self.process.join()
        self.process = None
        return SLOW, ""


def chosen(ex, each, seed):
    """`each` of an exercise's wrong versions, drawn by the seed; all of them for None."""
    made = mutants(ex)
    return random.Random(f"{seed} {ex.name}").sample(made, min(each or len(made), len(made)))


def reasons():
    """{exercise: {what was changed: why the answer is as right as before}}."""
    return json.loads(EQUIVALENT.read_text(encoding="utf-8"))


def tried(exercises, each=None, seed=0, run=fate):
    """Yields (exercise, mutant, fate, what was told, reason why it is right as well or None)."""
    known = reasons()
    for ex in exercises:
        for mutant in chosen(ex, each, seed):
            kind, told = run(ex.name, mutant.source)
            reason = known.get(ex.name, {}).get(mutant.what) if kind == ACCEPTED else None
            yield ex, mutant, kind, told, reason


def row(name, counts):
    """A line of the table, of counts of fates."""
    ran = sum(counts[kind] for kind in (WRITTEN, SLIP, BY_FORM, FAR, ACCEPTED))
    refused = ran - counts[ACCEPTED]
    told = counts[WRITTEN] + counts[SLIP]
    share = f"{refused / max(ran, 1):.1%}", f"{told / max(refused, 1):.0%}"
    parts = [counts[kind] for kind in (WRITTEN, SLIP, BY_FORM, FAR)]
    apart = counts[RAISED], counts[SLOW], counts["equivalent"]
    return (
        "| " + " | ".join(map(str, [name, ran, refused, share[0], *parts, share[1], *apart])) + " |"
    )


def main():
    from minidiff.course.exercises import all_exercises

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="lesson or exercise", default=[""])
    parser.add_argument("--each", type=int, help="so many of each exercise (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--all", action="store_true", help="list what each was told, too")
    args = parser.parse_args()
    exercises = [ex for ex in all_exercises() if ex.name.startswith(tuple(args.names))]
    lessons = sorted({ex.name[:2] for ex in exercises})
    total, kinds, listed, worker = Counter(), Counter(), [], Worker()
    print("| lesson | ran | refused | share | sentence | slip | form | distance | told | raised "
          "| slow | equivalent |\n|---" + "|---" * 11 + "|")  # fmt: skip
    for lesson in lessons:
        counts, of_it = Counter(), [ex for ex in exercises if ex.name[:2] == lesson]
        for ex, mutant, kind, told, reason in tried(of_it, args.each, args.seed, worker.run):
            counts["equivalent" if reason else kind] += 1
            if args.all or (kind in (ACCEPTED, SLOW) and not reason):
                what = f"{ex.name} {kind:9s} {mutant.kind}: {mutant.what}"
                listed.append(what + f"  | {told}" * args.all)
            if kind == ACCEPTED and not reason:
                kinds[mutant.kind] += 1
        print(row(lesson, counts), flush=True)
        total += counts
    print(row("all", total), "", *listed, sep="\n")
    print(f"accepted by kind: {dict(kinds) or 'none'}")


if __name__ == "__main__":
    main()
