"""The screen Phenotype: its controls, and what a score is worth."""
