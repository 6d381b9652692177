"""Studies that take minutes: simulation of what the library promises."""
