"""The live GWAS beside the controls of Phenotype."""
