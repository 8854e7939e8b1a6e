"""Images on the screens: one gate, and what is shown behind it."""
