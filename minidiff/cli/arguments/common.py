"""What several commands take."""

from ..values import whole

MOST = 10**6  # samples of one command
STEPS = 10_000


def device_of(command):
    command.add_argument(
        "--device", metavar="D", help="auto, cpu, cuda or mps (default: $MINIDIFF_DEVICE or cpu)"
    )


def batch_of(command, meaning):
    command.add_argument("--batch", type=whole(1), metavar="B", help=meaning)
