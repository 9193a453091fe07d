"""The peak memory of everything that a run started."""

import os
import threading
from types import TracebackType
from typing import Final, Self

import psutil

# To ask for the shares of a process with gigabytes takes the system a tenth of a second.
PAUSE_SECONDS: Final = 6.0
GIGABYTE: Final = 1e9


class PeakMemory:
    """Samples the memory of this process and of all its descendants while a `with` block runs.

    Proportional shares are counted where the system tells them, so that shared pages count once.
    """

    def __init__(self) -> None:
        self.gigabytes = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        """Begin to sample."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop sampling."""
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        me = psutil.Process(os.getpid())
        while not self._stop.wait(PAUSE_SECONDS):
            total = sum(_memory(process) for process in [me, *me.children(recursive=True)])
            self.gigabytes = max(self.gigabytes, total / GIGABYTE)


def _memory(process: psutil.Process) -> float:
    try:
        shares = process.memory_full_info()
        return float(getattr(shares, "pss", 0) or shares.rss)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0.0
