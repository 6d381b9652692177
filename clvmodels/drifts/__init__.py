"""Drift: whether a model that was fitted some time ago still holds for new data."""
