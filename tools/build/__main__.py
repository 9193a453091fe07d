"""`python -m tools.build` builds every asset."""

import logging

from tools.build.staging import stage_all

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    stage_all()
