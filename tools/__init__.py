"""The `c360` command and what it does: set up, build, deploy to the twin, demonstrate, test, measure."""
