"""What the processes (nodes) of one installation know of each other: presence, usage and readiness."""
