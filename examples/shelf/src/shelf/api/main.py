from contextlib import asynccontextmanager
from importlib import resources
from typing import Annotated

from fastapi import FastAPI, File, Form, HTTPException, Response, UploadFile

from shelf import store
from shelf.api.models import Link, Page
from shelf.worker.app import app as tasks


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.db = store.connect()
    yield
    app.state.db.close()


app = FastAPI(title="shelf", lifespan=lifespan)


@app.get("/health")
def health() -> dict[str, str]:
    app.state.db.ping()
    return {"status": "ok"}


@app.get("/samples/{name}")
def sample(name: str) -> Response:
    """Scans to try the shelf with."""
    file = resources.files("shelf.api").joinpath("samples", name)
    if "/" in name or not file.is_file():
        raise HTTPException(404, "no such sample")
    return Response(file.read_bytes(), media_type="image/png")


@app.post("/pages", status_code=202)
def add_page(title: Annotated[str, Form()], scan: Annotated[UploadFile, File()]) -> Page:
    db = app.state.db
    page = store.new_page(db, title, scan.filename or "upload")
    store.put_scan(db, page, scan.file.read())
    tasks.send_task("shelf.tasks.reading.read_page", args=[page])
    return Page(id=page, title=title, state="scanned")


@app.post("/links", status_code=202)
def add_link(link: Link) -> Page:
    page = store.new_page(app.state.db, link.title, str(link.url))
    tasks.send_task("shelf.tasks.fetching.fetch_page", args=[page, str(link.url)])
    return Page(id=page, title=link.title, state="waiting")


@app.post("/tidy", status_code=202)
def tidy() -> dict[str, str]:
    return {"task": tasks.send_task("shelf.tasks.indexing.tidy").id}


@app.get("/pages/{page}")
def get_page(page: str) -> Page:
    fields = store.get_page(app.state.db, page)
    if fields is None:
        raise HTTPException(404, "no such page")
    return Page(id=page, title=fields["title"], state=fields["state"], text=fields.get("text"))


@app.get("/search")
def search(q: str) -> list[Page]:
    return [get_page(page) for page in store.search(app.state.db, q)]
