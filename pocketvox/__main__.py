"""``python -m pocketvox``: the command line."""

import sys

from pocketvox.cli import main

if __name__ == "__main__":
    sys.exit(main())
