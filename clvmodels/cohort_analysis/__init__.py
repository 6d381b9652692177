"""Cohorts by the first purchase: how they hold, what they are worth, which differ."""
