"""Statistical ground: ranks, exact tests, regression, multiplicity."""
