"""Takes events over HTTP, judges each by its contract, and puts every one of them on the events stream."""
