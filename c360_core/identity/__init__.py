"""Who is who: normalise, match, cluster with a guard, and give stable person ids. Pure Python."""
