"""The laptop twin: runs the synthesized assembly on an emulator and real engines, without an account."""
