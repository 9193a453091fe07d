"""EventBridge, as far as it calls an API destination; rules and buses are the emulator's own."""
