"""The views of the shop, and all that goes with them."""

import fastapi

NAME = "views"
VALUES = [fastapi.__name__, NAME]
