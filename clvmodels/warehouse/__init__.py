"""Summaries and scores as SQL, for orders that stay in a warehouse."""
