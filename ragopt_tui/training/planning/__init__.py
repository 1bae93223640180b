"""What a run would train, need and take, before anything starts."""
