"""What the functions share: settings, observability and the adapters to AWS."""
