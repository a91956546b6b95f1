"""What every process uses: logs, metrics, clock, paths, limits of the operating system, the loop monitor, failpoints."""
