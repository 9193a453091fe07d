"""The size of a Spark job's runs, in the terms of both services that run them."""

from dataclasses import dataclass
from typing import Final

from config.unification import WorkerType

# vCPUs and gigabytes of memory of a worker.
_WORKERS: Final[dict[WorkerType, tuple[int, int]]] = {"G.1X": (4, 16), "G.2X": (8, 32)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkSize:
    """How large a run is, and how many there may be.

    Attributes:
        workers: the driver and the executors.
        worker_type: of each of them, as Glue names it.
        minutes: a longer run is ended.
        concurrent_runs: at the same time.
    """

    workers: int
    worker_type: WorkerType
    minutes: int
    concurrent_runs: int

    @property
    def vcpus(self) -> int:
        """The vCPUs of a worker."""
        return _WORKERS[self.worker_type][0]

    @property
    def memory(self) -> int:
        """The memory of a worker, in gigabytes."""
        return _WORKERS[self.worker_type][1]
