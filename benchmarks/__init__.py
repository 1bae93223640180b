"""One script a claim; each prints a ratio or a share beside a named baseline."""
