"""Normalised network addresses: IP addresses and URLs."""
