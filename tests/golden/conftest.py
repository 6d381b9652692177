"""Keep pytest from importing the generators: they need python-flint, the tests only their JSON."""

collect_ignore_glob = ["*.py"]
