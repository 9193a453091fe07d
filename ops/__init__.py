"""What an operator does with a deployed environment, on AWS and on the twin by the same calls."""
