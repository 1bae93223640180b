"""Parts of the screen, one a file."""
