"""What the functions that call systems of others share: calls over HTTPS, a circuit for each, and repetition."""
