"""From records and the matcher's groups to persons, and to everyone who has to know of them."""
