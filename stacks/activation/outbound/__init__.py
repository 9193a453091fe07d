"""Systems of others that are told what happens: subscribers of webhooks, and the loyalty system."""
