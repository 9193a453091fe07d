"""The clean room: what a partner may ask about our customers, and how it is protected."""
