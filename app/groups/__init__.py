"""Groups of people drawn on a map."""
