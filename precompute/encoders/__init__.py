"""One short file per self-supervised method."""
