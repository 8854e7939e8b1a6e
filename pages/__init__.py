"""One file per screen: ask, fetch, draw."""
