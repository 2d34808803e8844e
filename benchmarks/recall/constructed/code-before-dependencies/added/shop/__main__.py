"""The __main__ of the shop, and all that goes with them."""

import fastapi

NAME = "__main__"
VALUES = [fastapi.__name__, NAME]
