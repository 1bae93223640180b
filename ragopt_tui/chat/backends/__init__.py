"""What can generate text: one module a runtime, one interface."""
