"""Compiled loops over bars: arrays in, arrays out, numpy and numba alone; whoever calls them checks the input."""
