"""One adapter per peer: a script that reads a problem, fits, and prints one JSON line."""
