"""From findings to what probably caused them: each module knows one part of the way to a GGUF."""
