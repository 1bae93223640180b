"""From an adapter to a merged model, from a model to GGUF, from GGUF to fewer bits."""
