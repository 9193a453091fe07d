"""Adapters to AWS that all runtimes share: streams, the single view, secrets, idempotency and observability."""
