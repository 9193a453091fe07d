"""Whether processes that a test has started, or killed, are still there."""

import psutil


def has_ended(process: psutil.Process) -> bool:
    """Tell whether a process has ended; one that nobody has waited for yet, a zombie, has."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
