"""The demonstration, step by step: what a day of real shoppers does to a deployed Customer 360."""
