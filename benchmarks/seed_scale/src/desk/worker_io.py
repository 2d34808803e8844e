from desk.tasks import fetching
from desk.worker import app

__all__ = ["app", "fetching"]
