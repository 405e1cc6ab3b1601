"""What a user did that cannot work: told in one sentence, without a traceback."""


class UserError(ValueError):
    """Bad input or a damaged file, in one sentence that names it; any other error is a bug.

    The command line prints the sentence alone; MINIDIFF_DEBUG=1 shows the traceback, too.
    """


def shown(path, longest=100):
    """A path as sentences name it, the end of it where it is long."""
    text = str(path)
    return text if len(text) <= longest else "..." + text[3 - longest :]
