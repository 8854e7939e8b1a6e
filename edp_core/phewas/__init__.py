"""What else goes with a phenotype: every trait and field of the study."""
