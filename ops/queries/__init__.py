"""Questions in SQL that somebody asks Athena: the answer, what it cost, and why there is none."""
