"""Puts the newest approved version of a model behind its endpoint, and makes what a batch of it runs on."""
