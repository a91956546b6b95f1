"""Addresses of the network in one form: IP addresses and URLs."""
