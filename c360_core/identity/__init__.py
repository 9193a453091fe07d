"""Identity resolution: normalise, match, cluster with limits, and assign stable person ids. Pure Python."""
