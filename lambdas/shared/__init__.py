"""What the functions share: settings, AWS clients, problem documents and dead letters."""
