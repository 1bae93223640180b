"""Data sets: files of many formats become examples, splits and, with a tokenizer, tokens and loss."""
