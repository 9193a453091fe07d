"""Puts what models were told of customers into the Feature Store."""
