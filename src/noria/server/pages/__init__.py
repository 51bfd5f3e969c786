"""What each page shows: small functions from the workspace to plain records."""
