"""What a variant keeps of the one that it was made from: measured, judged and explained."""
