from pathlib import Path

import pytest

from careen.rewrite.stage_origins import context_paths
from careen.workspace.discover import discover
from careen.workspace.facts import derive

DOCKERFILE = """\
FROM python:3.12 AS sources
WORKDIR /src
COPY pyproject.toml uv.lock ./
COPY app ./app
COPY scripts/run.py /opt/
COPY locale/*.mo /opt/locale/
FROM sources AS builder
RUN make-pages
COPY --from=other /pages /src/pages
FROM python:3.12-slim
COPY --from=builder /src/app /app/app
CMD ["python", "-m", "app"]
"""


@pytest.mark.parametrize(
    ("path", "behind"),
    [
        ("/src/app", ("app",)),
        ("src/app/static", ("app/static",)),
        ("/src/pyproject.toml", ("pyproject.toml",)),
        ("/src/", ("pyproject.toml", "uv.lock", "app")),
        ("/opt/run.py", ("scripts/run.py",)),
        ("/opt/locale", ("locale/*.mo",)),
        ("/opt/locale/de.mo", ()),
        ("/src/pages", ()),
        ("/src/apple", ()),
    ],
)
def test_what_lies_behind_a_path_of_a_stage(path: str, behind: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (image,) = derive(discover(tmp_path)).images
    graph = image.source.stages
    builder = graph.find("builder")
    assert builder is not None

    found = context_paths(
        path, graph.ancestry(builder), image.copies, lambda name: name.endswith((".toml", ".lock", ".py"))
    )

    assert found == behind
