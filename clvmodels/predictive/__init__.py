"""Distributions of what single customers will do, beside their means."""
