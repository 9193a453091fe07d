"""The suites of tests and checks, and the benchmarks."""
