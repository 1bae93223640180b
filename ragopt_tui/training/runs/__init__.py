"""Runs as they lie on disk: their folders, jobs and curves, for whoever looks at them."""
