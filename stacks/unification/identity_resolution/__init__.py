"""Identity resolution: the jobs, the matching workflow, and the state machine that runs them."""
