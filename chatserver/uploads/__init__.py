"""Uploads: pictures that people bring into a session, to have others made of them."""
