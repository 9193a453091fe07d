"""The Customer 360 domain: pure Python, shared by every runtime, importing nothing else of this project."""
