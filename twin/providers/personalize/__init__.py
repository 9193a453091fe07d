"""Amazon Personalize: imports, training, campaigns, recommendations and events."""
