"""What runs on this machine: the demonstration, a deployment that stays, the score of the matching."""
