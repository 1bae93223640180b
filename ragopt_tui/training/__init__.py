"""Fine-tuning: data sets, configuration, plans, the job that trains, and its curves."""
