"""The screen Clusters: its codes, enrichment and stability."""
