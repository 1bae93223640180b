"""What a run is told: its YAML, presets, what it names, and what does not go together."""
