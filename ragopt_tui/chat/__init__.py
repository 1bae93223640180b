"""From a question and its evidence to a cited answer; the engine process that does it."""
