"""The local pages and the HTTP API."""
