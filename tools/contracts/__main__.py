"""`python -m tools.contracts` checks and compiles the contracts."""

import sys

from tools.contracts import main

if __name__ == "__main__":
    sys.exit(main())
