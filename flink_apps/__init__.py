"""The Flink applications of Customer 360: `clean` and `unify`, and what they share."""
