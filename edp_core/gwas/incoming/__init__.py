"""Result files of a GWAS: told by their header, read in blocks, counted row by row."""
