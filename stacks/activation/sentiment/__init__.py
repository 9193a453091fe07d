"""How happy customers sound in what they write."""
