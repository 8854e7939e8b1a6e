"""The settings of a study file, one module for each of its parts."""
