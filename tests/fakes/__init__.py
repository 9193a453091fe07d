"""In-memory ports: what a function talks to, without AWS."""
