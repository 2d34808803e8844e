"""Asks a running shelf to do its work: one page by upload, one by link, a search, Flower's list of workers.

Usage: smoke.py [API_URL [FLOWER_URL]]   (default: SHELF_API_URL, SHELF_FLOWER_URL, then compose's names)
Needs nothing but Python. Exits 1 and says what was wrong.
"""

import json
import os
import sys
import time
import urllib.request
import uuid

_PATIENCE_SECONDS = 60


def call(url: str, data: bytes | None = None, content_type: str = "application/json") -> object:
    request = urllib.request.Request(url, data=data, headers={"Content-Type": content_type} if data else {})
    with urllib.request.urlopen(request, timeout=20) as response:
        body = response.read()
    return json.loads(body) if response.headers.get_content_type() == "application/json" else body


def upload(api: str, title: str, scan: bytes) -> str:
    mark = uuid.uuid4().hex
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="title"\r\n\r\n{title}\r\n'.encode(),
        f'--{mark}\r\nContent-Disposition: form-data; name="scan"; filename="scan.png"\r\n'.encode(),
        b"Content-Type: image/png\r\n\r\n",
        scan,
        f"\r\n--{mark}--\r\n".encode(),
    ]
    return call(f"{api}/pages", b"".join(parts), f"multipart/form-data; boundary={mark}")["id"]


def wait_for(api: str, page: str) -> dict[str, str]:
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while True:
        found = call(f"{api}/pages/{page}")
        if found["state"] == "indexed":
            return found
        if time.monotonic() > give_up:
            raise SystemExit(f"page {page} is still {found['state']} after {_PATIENCE_SECONDS} s")
        time.sleep(0.2)


def main() -> None:
    api = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("SHELF_API_URL", "http://api:8000")
    flower = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("SHELF_FLOWER_URL", "http://flower:5555")
    assert call(f"{api}/health") == {"status": "ok"}
    print("api is healthy")
    scan = call(f"{api}/samples/anchor.png")
    text = wait_for(api, upload(api, "An upload", scan))["text"]
    assert "anchor" in text.lower(), f"the upload reads {text!r}"
    print(f"upload read by the heavy queue: {text!r}")
    link = json.dumps({"title": "A link", "url": f"{api}/samples/keel.png"}).encode()
    text = wait_for(api, call(f"{api}/links", link)["id"])["text"]
    assert "keel" in text.lower(), f"the link reads {text!r}"
    print(f"link fetched by the io queue: {text!r}")
    found = call(f"{api}/search?q=anchor")
    assert any(page["title"] == "An upload" for page in found), f"the search finds {found}"
    print("search finds the upload: indexed by the default queue")
    workers = call(f"{flower}/workers?json=1") or {}
    alive = len(workers.get("data", []))
    assert alive >= 3, f"Flower sees {alive} workers"
    print(f"Flower sees {alive} workers")


if __name__ == "__main__":
    main()
