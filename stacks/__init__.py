"""The infrastructure: one package per pillar, each a stack that composes and constructs that build."""
