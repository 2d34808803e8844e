"""The page stands alone and shows text as text."""

from html.parser import HTMLParser

from careen.report.html_page import Bar, Cell, before_and_after, key, page, section, table, treemap


class _Reader(HTMLParser):
    """Collects tags, attributes that fetch something, and text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [value or "" for name, value in attrs if name in {"src", "href", "data", "srcset"}]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(text: str) -> _Reader:
    reader = _Reader()
    reader.feed(text)
    return reader


def test_page_fetches_nothing_and_runs_nothing() -> None:
    parts = [section("Sizes", treemap([Cell("numpy", 57, "own")]), before_and_after([Bar("api", 90, 10)]))]

    found = read(page("shelf", "five services", parts))

    assert found.fetched == []
    assert not {"script", "link", "img", "iframe"} & set(found.tags)
    assert "@import" not in "".join(found.words)
    assert "url(" not in "".join(found.words)


def test_markup_in_names_is_shown_not_obeyed() -> None:
    nasty = '<script>alert(1)</script>"&'

    text = page(nasty, nasty, [table((nasty, " n"), [(nasty, "1")]), treemap([Cell(nasty, 5, "app", nasty)])])

    found = read(text)
    assert "script" not in found.tags
    assert "".join(found.words).count("<script>") >= 4


def test_heaviest_cell_comes_first_and_empty_ones_are_left_out() -> None:
    text = treemap([Cell("small", 10, "app"), Cell("none", 0, "app"), Cell("large", 90, "base")])

    found = read(text)
    assert found.tags.count("rect") == 2
    titles = [word for word in found.words if ":" in word]
    assert titles == ["large: 90 B", "small: 10 B"]


def test_unknown_size_of_today_has_no_bar() -> None:
    assert read(before_and_after([Bar("api", None, 10)])).tags.count("rect") == 1


def test_key_names_every_colour() -> None:
    assert read(key([("base", "the base"), ("app", "the application")])).words == ["the base", "the application"]
