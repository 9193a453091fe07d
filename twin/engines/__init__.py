"""Real engines of the twin, one module each: start it, ask whether it is ready, stop it."""
