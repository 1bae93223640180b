"""The built-in models that work offline: files and card."""
