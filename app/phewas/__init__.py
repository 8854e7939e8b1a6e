"""The screen PheWAS."""
