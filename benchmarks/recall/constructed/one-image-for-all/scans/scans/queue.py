import redis


def send(name: str) -> None:
    redis.Redis().lpush("tasks", name)
