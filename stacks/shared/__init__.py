"""What all pillars share: the values that they are handed and the interfaces that they fill."""
