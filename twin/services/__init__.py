"""Stand-ins for AWS services that the emulator lacks, one module per service."""
