"""`python -m minidiff` is the command `minidiff`."""

import sys

from .cli import main

sys.exit(main())
