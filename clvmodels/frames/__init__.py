"""Dataframes and engines: the only place in the library that knows them."""
