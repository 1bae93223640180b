"""A terminal assistant for financial documents and the local models that answer."""

__version__ = "0.1.0"
