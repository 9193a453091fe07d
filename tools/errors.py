"""Failures that have an exit status of their own."""

from typing import Final

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_UNFIT: Final = 3


class WrongUsageError(ValueError):
    """What was asked for contradicts itself or what is there; the message says what to ask for instead."""


class UnfitMachineError(RuntimeError):
    """This machine lacks something, and it could not be installed; the message says what and how to get it."""
