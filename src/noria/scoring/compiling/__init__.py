"""Fitted estimators read into plans. Runs where models are registered, never where they answer."""
