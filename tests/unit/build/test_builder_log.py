"""What builders print leads back to the line of the Dockerfile, and tells how far they are."""

from pathlib import PurePosixPath

import pytest

from careen.build.builder_log import BuilderLog
from careen.dockerfile.parser import parse
from careen.text.source import Source

TEXT = """\
ARG DEBIAN_IMAGE=debian:bookworm-slim

FROM ${DEBIAN_IMAGE} AS builder
RUN apt-get update \\
 && apt-get install -y nothing
ENV A=b
WORKDIR /build

FROM builder AS dependencies
RUN --mount=type=cache,target=/root/.cache/uv \\
    uv sync --locked

FROM scratch
COPY --from=dependencies /opt/venv /opt/venv
"""


def heard(*lines: str, text: str = TEXT) -> tuple[BuilderLog, list[str]]:
    told: list[str] = []
    log = BuilderLog(parse(Source(PurePosixPath("Dockerfile"), text)), told.append)
    for line in lines:
        log.hear(line)
    return log, told


@pytest.mark.parametrize(
    ("step", "line"),
    [
        ("[builder 1/3] FROM docker.io/library/debian:bookworm-slim@sha256:aa", 3),
        ("[builder 2/3] RUN apt-get update  && apt-get install -y nothing", 4),
        ("[builder 3/3] WORKDIR /build", 7),
        ("[dependencies 1/1] RUN --mount=type=cache,target=/root/.cache/uv     uv sync --locked", 10),
        ("[stage-2 1/1] COPY --from=dependencies /opt/venv /opt/venv", 14),
        ("[internal] load metadata for docker.io/library/debian:bookworm-slim", 1),
        ("[internal] load build context", None),
    ],
)
def test_a_step_that_buildkit_failed_at_is_found_in_the_file(step: str, line: int | None) -> None:
    log, _ = heard("#1 [internal] load build definition from Dockerfile", f"#7 {step}", "#7 ERROR: exit code: 1")

    assert log.failure is not None
    assert log.failure.line == line
    assert log.failure.why == "exit code: 1"


def test_the_last_lines_of_the_step_that_failed_are_kept_and_those_of_others_are_not() -> None:
    noise = [f"#7 0.{number} line {number}" for number in range(40)]
    log, _ = heard(
        "#7 [builder 2/3] RUN apt-get update",
        "#8 [dependencies 1/1] RUN uv sync",
        "#8 0.1 other",
        *noise,
        "#7 ERROR: x",
    )

    assert log.failure is not None
    assert log.failure.printed == tuple(f"line {number}" for number in range(28, 40))


def test_the_only_stage_of_a_file_has_no_name_in_the_log() -> None:
    log, _ = heard("#5 [3/3] RUN false", "#5 ERROR: executor failed", text="FROM a\nRUN true\nRUN false\n")

    assert log.failure is not None
    assert log.failure.line == 3


def test_of_steps_with_one_text_the_number_tells_which_and_of_replaced_variables_too() -> None:
    twice = "FROM a AS b\nRUN make\nARG C=d\nCOPY $C /e\nRUN make\n"
    for step, line in (("[b 2/4] RUN make", 2), ("[b 4/4] RUN make", 5), ("[b 3/4] COPY d /e", 4)):
        log, _ = heard(f"#5 {step}", "#5 ERROR: x", text=twice)
        assert log.failure is not None
        assert log.failure.line == line


def test_another_way_of_counting_is_noticed_by_the_word_and_the_text_decides() -> None:
    log, _ = heard("#5 [builder 1/2] WORKDIR /build", "#5 ERROR: x")

    assert log.failure is not None
    assert log.failure.line == 7


def test_steps_are_told_once_and_counted_when_they_end() -> None:
    log, told = heard(
        "#1 [builder 1/3] FROM debian",
        "#1 CACHED",
        "#2 [builder 2/3] RUN apt-get update",
        "#2 0.2 reading",
        "#2 [builder 2/3] RUN apt-get update",
        "#2 DONE 1.5s",
        "#3 exporting to image",
        "#3 DONE 0.1s",
    )

    assert told == ["[builder 1/3] FROM debian", "[builder 2/3] RUN apt-get update"]
    assert log.finished == 3
    assert log.failure is None


def test_a_step_that_buildah_failed_at_is_found_in_the_file() -> None:
    log, told = heard(
        "[2/3] STEP 2/2: RUN --mount=type=cache,target=/root/.cache/uv     uv sync --locked",
        "error: no lock",
        'Error: building at STEP "RUN --mount=type=cache,target=/root/.cache/uv     uv sync --locked": while running '
        "runtime: exit status 2",
    )

    assert told == ["RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked"]
    assert log.failure is not None
    assert (log.failure.line, log.failure.why) == (10, "while running runtime: exit status 2")
    assert log.failure.printed == ("error: no lock",)
