"""`python -m tools.metrics` checks the metrics of the dbt project."""

import sys

from tools.metrics import main

if __name__ == "__main__":
    sys.exit(main())
