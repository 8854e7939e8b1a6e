"""From vectors and labels to one number for each participant."""
