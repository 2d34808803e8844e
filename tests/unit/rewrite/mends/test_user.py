"""A user for the service: by its number, and made where no layer is begun for nothing."""

from pathlib import Path

import pytest

from careen.app.rewrite import read_for_mending
from careen.findings import Topic
from careen.rewrite.mending import patch_of


def mended(folder: Path, *lines: str) -> list[str]:
    """The Dockerfile after the repair that gives it a user, and no other."""
    (folder / "Dockerfile").write_text("\n".join((*lines, 'CMD ["gunicorn", "app"]', "")))
    proposal = read_for_mending(folder)
    assert proposal.mending is not None
    patch = patch_of(
        proposal.facts,
        proposal.mending,
        lambda mend: mend.finding is not None and mend.finding.topic is Topic.RUNS_AS_ROOT,
    )
    (change,) = patch.changes
    assert change.after is not None
    return change.after.splitlines()[:-1]


MAKE = "useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin service"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["FROM python:3.11-slim", "COPY a b"], ["FROM python:3.11-slim", "COPY a b", f"RUN {MAKE}", "USER 10001"]),
        (
            ["FROM python:3.11-slim", "WORKDIR /a", "COPY a b", "RUN pip install x"],
            ["FROM python:3.11-slim", "WORKDIR /a", f"RUN {MAKE}", "COPY a b", "RUN pip install x", "USER 10001"],
        ),
        (
            ["FROM python:3.11-slim", "RUN pip install x"],
            ["FROM python:3.11-slim", "RUN pip install x \\", f"    && {MAKE}", "USER 10001"],
        ),
        (
            ["FROM python:3.11-slim", "RUN pip install x", "USER root"],
            ["FROM python:3.11-slim", "RUN pip install x \\", f"    && {MAKE}", "USER 10001"],
        ),
        (
            ["FROM python:3.11-slim", "RUN <<EOF", "pip install x", "EOF"],
            ["FROM python:3.11-slim", "RUN <<EOF", "pip install x", "EOF", f"RUN {MAKE}", "USER 10001"],
        ),
        (
            ["FROM python:3.11-alpine", "COPY a b"],
            ["FROM python:3.11-alpine", "COPY a b", "RUN adduser -D -H -u 10001 service", "USER 10001"],
        ),
    ],
)
def test_a_user_is_made_where_no_other_run_is_beside_it(tmp_path: Path, before: list[str], after: list[str]) -> None:
    assert mended(tmp_path, *before) == after


@pytest.mark.parametrize(
    ("image", "before", "after", "user"),
    [
        ("slim", "useradd -u 999 shop", "useradd -u 999 shop", "999"),
        ("slim", "useradd --uid=999 shop", "useradd --uid=999 shop", "999"),
        ("slim", "groupadd -r shop && useradd -r -g shop shop", None, "10001"),
        ("alpine", "adduser -D shop", "adduser -u 10001 -D shop", "10001"),
        ("slim", "adduser --system shop", "adduser --uid 10001 --system shop", "10001"),
        ("slim", "useradd -u $ID shop", "useradd -u $ID shop", "shop"),
    ],
)
def test_the_user_that_is_there_is_named_by_its_number(
    tmp_path: Path, image: str, before: str, after: str | None, user: str
) -> None:
    lines = mended(tmp_path, f"FROM python:3.11-{image}", f"RUN {before}", "COPY a b")

    expected = after or "groupadd -r shop && useradd --uid 10001 -r -g shop shop"
    assert lines == [f"FROM python:3.11-{image}", f"RUN {expected}", "COPY a b", f"USER {user}"]
