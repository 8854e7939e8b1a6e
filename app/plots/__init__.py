"""Figures that several screens draw, and the way they go to the browser."""
