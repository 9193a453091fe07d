"""The `clean` application: events as sent become interactions, duplicates and rejections; nothing is lost."""
