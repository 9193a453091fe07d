"""Who is who: the jobs, the matching workflow, and the state machine that runs them."""
