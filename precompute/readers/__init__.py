"""Opens one file of images, rightly or with the reason why not."""
