"""`python -m tools.notebooks` checks the notebooks; with `--strip` it takes outputs out of them."""

import sys

from tools.notebooks import main

if __name__ == "__main__":
    sys.exit(main())
