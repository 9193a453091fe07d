"""Entry point of the `unify` application. The service runs a copy of this file, so it has no other code."""

from flink_apps.unify.job import main

main()
