"""Backtests: what models and simple rules would have predicted at past dates, against what came."""
