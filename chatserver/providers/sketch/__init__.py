"""The built-in provider: draws pictures and clips in child processes, without a key and without a network."""
