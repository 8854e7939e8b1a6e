"""Genotypes: products kept per variant, the live preview, and results of real runs."""
