"""AWS End User Messaging Push, which lives under Pinpoint's API."""
