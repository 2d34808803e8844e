from desk.tasks import housekeeping
from desk.worker import app

__all__ = ["app", "housekeeping"]
