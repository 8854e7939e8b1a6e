"""Who takes part, and what they have."""
