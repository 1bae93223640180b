"""Conversations that stay: the store, what differs when asked again, and the Markdown of them."""
