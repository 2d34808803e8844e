from pydantic import BaseModel, HttpUrl


class Link(BaseModel):
    title: str
    url: HttpUrl


class Page(BaseModel):
    id: str
    title: str
    state: str
    text: str | None = None
