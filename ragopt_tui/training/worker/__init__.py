"""A process that trains; all but what says why it ended builds on PyTorch."""
