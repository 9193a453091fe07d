"""Parts that depend on no pillar: a function, a job, an application, a table, a state machine."""
