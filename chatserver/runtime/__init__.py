"""What every process has, whatever it does: logs, metrics, the clock, paths, and what watches the event loop."""
