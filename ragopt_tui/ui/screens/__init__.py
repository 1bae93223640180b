"""Whole-window screens."""
