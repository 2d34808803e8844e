"""The __init__ of the shop, and all that goes with them."""

import fastapi

NAME = "__init__"
