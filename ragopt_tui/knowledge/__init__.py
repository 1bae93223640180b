"""Documents to passages to index to evidence."""
