"""careen: haul a Python service stack's containers ashore and scrape off what grew on them."""

__version__ = "0.1.0"
