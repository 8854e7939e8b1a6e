"""The screen GWAS: results that came home."""
