"""Entry point of the `unify` application. The service runs a copy of this file, so it holds nothing else."""

from flink_apps.unify.job import main

main()
