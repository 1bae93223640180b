"""Model variants: what they are, where they live, how a name finds one."""
