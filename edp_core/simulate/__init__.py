"""A generator of latent factors and, apart from it, the renderers."""
