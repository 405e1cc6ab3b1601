"""What `minidiff lessons ACTION` does: each is a function from parsed arguments to an exit code."""

import sys

from ..course import lessons as course
from ..errors import UserError
from ..files import check_writable


def lessons(args):
    """Hands over to the action's function."""
    actions = run, lint, student, release, check, key, slides, site
    return {action.__name__: action for action in actions}[args.action](args)


def run(args):
    """Prints which lessons changed."""
    try:
        print(*course.run(args.files) or ["nothing changed"], sep="\n")
    except RuntimeError as error:  # a cell failed; the text says which
        raise UserError(str(error)) from error
    return 0


def lint(args):
    """Prints what is wrong; exit code 1 if anything is."""
    found = course.lint(args.files)
    print(*found or ["clean"], sep="\n")
    return 1 if found else 0


def student(args):
    """Prints the notebooks written."""
    from ..course import classroom

    print(*classroom.student(args.folder, args.files), sep="\n")
    return 0


def release(args):
    """Prints the sheets written, and what nbgrader takes from there."""
    from ..course import classroom

    made = classroom.release(args.folder, args.files)
    print(*made, sep="\n")
    print(f"next, with nbgrader: cd {args.folder} && nbgrader generate_assignment NAME")
    return 0


def check(args):
    """Writes the table of marks, which grows as they come, then totals; prints a line about it."""
    from ..course import gradebook, marking

    check_writable(args.out)
    totals_at = args.out.with_name(f"{args.out.stem}-totals.csv")
    check_writable(totals_at)
    if args.feedback:
        args.feedback.mkdir(parents=True, exist_ok=True)
    if not any(course.NOTEBOOKS.glob("*.ipynb")):
        note = "only what students handed in is run, not what they deleted of a lesson"
        print(f"minidiff: no lessons at {course.NOTEBOOKS}: {note}", file=sys.stderr)
    settings, students = {"jobs": args.jobs}, []
    if args.roster:
        roster = gradebook.Roster(args.roster)
        settings["called"], students = roster.student, roster.students
    marks, count = [], 0
    for count, rows in enumerate(marking.mark_all(args.files, **settings), 1):
        marks += rows
        marking.write_csv(marks, args.out)
    marking.write_csv(gradebook.totals(marks, students), totals_at, gradebook.Total)
    right = sum(mark.status == marking.CORRECT for mark in marks)
    print(f"{args.out}: {count} notebooks, {right} of {len(marks)} rows correct")
    print(f"{totals_at}: a line a student")
    if args.feedback:
        pages = gradebook.write_feedback(marks, args.feedback, students)
        print(f"{args.feedback}: {len(pages)} pages of feedback")
    return 0


def key(args):
    """Prints the answer keys written."""
    from ..course import classroom

    print(*classroom.key(args.folder, args.files), sep="\n")
    return 0


def slides(args):
    """Prints the pages written."""
    from ..course import slides as pages

    print(*pages.build(args.folder, args.files), sep="\n")
    return 0


def site(args):
    """Prints the site's first page."""
    from ..course import site as pages

    print(pages.build(args.folder, args.files)[0])
    return 0
