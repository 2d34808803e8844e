from desk.tasks import ranking
from desk.worker import app

__all__ = ["app", "ranking"]
