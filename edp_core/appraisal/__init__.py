"""Is a phenotype any good?"""
