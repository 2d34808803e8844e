"""The models of the shop, and all that goes with them."""

import fastapi

NAME = "models"
VALUES = [fastapi.__name__, NAME]
