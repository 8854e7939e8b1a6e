"""The screen Export: the basket's lines, undo, and files."""
