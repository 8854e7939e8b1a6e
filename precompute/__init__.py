"""The slow work: images in, artifacts out. The only room with torch."""
