"""Pages and their index, in Redis, so that services share no disk."""

import re
import time
import uuid

import redis

from shelf.settings import settings

_WORD = re.compile(r"[^\W_]{2,}")


def connect() -> redis.Redis:
    return redis.Redis.from_url(settings.redis_url)


def new_page(db: redis.Redis, title: str, source: str) -> str:
    page = uuid.uuid4().hex[:12]
    db.hset(f"page:{page}", mapping={"title": title, "source": source, "state": "waiting", "added": time.time()})
    db.expire(f"page:{page}", settings.page_ttl)
    return page


def put_scan(db: redis.Redis, page: str, data: bytes) -> None:
    db.set(f"scan:{page}", data, ex=settings.page_ttl)
    set_state(db, page, "scanned")


def get_scan(db: redis.Redis, page: str) -> bytes:
    data = db.get(f"scan:{page}")
    if data is None:
        raise LookupError(f"page {page} has no scan")
    return data


def set_state(db: redis.Redis, page: str, state: str) -> None:
    db.hset(f"page:{page}", "state", state)


def put_text(db: redis.Redis, page: str, text: str) -> None:
    db.hset(f"page:{page}", mapping={"text": text, "state": "read"})


def get_page(db: redis.Redis, page: str) -> dict[str, str] | None:
    fields = db.hgetall(f"page:{page}")
    return {key.decode(): value.decode() for key, value in fields.items()} or None


def words_of(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)}


def index_page(db: redis.Redis, page: str) -> int:
    fields = get_page(db, page) or {}
    words = words_of(fields.get("text", "") + " " + fields.get("title", ""))
    for word in words:
        db.sadd(f"word:{word}", page)
    db.sadd("pages", page)
    set_state(db, page, "indexed")
    return len(words)


def search(db: redis.Redis, query: str) -> list[str]:
    words = words_of(query)
    if not words:
        return []
    return sorted(page.decode() for page in db.sinter([f"word:{word}" for word in words]))


def forget_lost(db: redis.Redis) -> int:
    """Index entries whose page has expired."""
    lost = [page for page in db.smembers("pages") if not db.exists(f"page:{page.decode()}")]
    if lost:
        db.srem("pages", *lost)
        for key in db.scan_iter("word:*"):
            db.srem(key, *lost)
    return len(lost)
