"""What a model has to beat: methods that are older, simpler, and computed in the same run on the same people."""
