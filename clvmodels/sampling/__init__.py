"""Draws from a posterior, in the coordinates of a fit; no model is known here."""
