"""Distributions that are needed without any first-party import: drivers, plug-ins, optional halves.

A plain import graph misses them. Each row says who asks for what, and when.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

URL_SCHEMES: Mapping[str, tuple[str, ...]] = {
    "redis": ("redis",),
    "rediss": ("redis",),
    "amqp": ("amqp",),
    "pyamqp": ("amqp",),
    "sqs": ("boto3", "pycurl"),
    "postgresql": ("psycopg2",),
    "postgres": ("psycopg2",),
    "postgresql+asyncpg": ("asyncpg",),
    "postgresql+psycopg": ("psycopg",),
    "postgresql+psycopg2": ("psycopg2",),
    "postgresql+pg8000": ("pg8000",),
    "mysql": ("MySQLdb",),
    "mysql+pymysql": ("pymysql",),
    "mysql+aiomysql": ("aiomysql",),
    "mysql+asyncmy": ("asyncmy",),
    "sqlite+aiosqlite": ("aiosqlite",),
    "mongodb": ("pymongo",),
    "db+postgresql": ("sqlalchemy", "psycopg2"),
    "db+sqlite": ("sqlalchemy",),
}
"""Import names of the drivers behind a URL's scheme (SQLAlchemy's dialects, Kombu's transports)."""


@dataclass(frozen=True, slots=True)
class Companion:
    """``imports`` are tried by ``requirer`` when they are installed; without them a feature or speed is lost."""

    requirer: str
    imports: tuple[str, ...]
    reason: str


COMPANIONS: Sequence[Companion] = (
    Companion("fastapi", ("multipart", "python_multipart"), "fastapi reads forms and uploads with it"),
    Companion("starlette", ("itsdangerous",), "starlette signs sessions with it"),
    Companion("starlette", ("jinja2",), "starlette renders templates with it"),
    Companion("fastapi", ("orjson", "ujson"), "fastapi answers with it when it is installed"),
    Companion("pydantic", ("email_validator",), "pydantic checks addresses with it"),
    Companion("uvicorn", ("uvloop", "httptools", "websockets"), "uvicorn chooses it when it is installed"),
    Companion("celery", ("tzdata",), "celery reads time zones from it"),
    Companion("kombu", ("msgpack",), "kombu serializes with it when asked to"),
    Companion("sqlalchemy", ("greenlet",), "sqlalchemy's asyncio half runs on it"),
    Companion("redis", ("hiredis",), "redis parses with it when it is installed"),
    Companion("httpx", ("h2", "socksio", "brotli", "zstandard"), "httpx speaks it when it is installed"),
    Companion("requests", ("socks",), "requests uses proxies with it"),
    Companion("django", ("psycopg2", "psycopg", "MySQLdb"), "django's database backends are named in settings"),
)
