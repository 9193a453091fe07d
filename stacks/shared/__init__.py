"""Values that all pillars receive and interfaces that they implement."""
