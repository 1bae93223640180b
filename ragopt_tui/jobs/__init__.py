"""Jobs: detached processes that live in a folder each."""
