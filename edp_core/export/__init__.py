"""Files for regenie, phenotype cards and the methods paragraph."""
