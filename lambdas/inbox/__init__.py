"""Gives the browser of a customer the messages that wait in the app, and hears what the customer does with them."""
