"""The pages and the read-only JSON API, rendered on the server."""
