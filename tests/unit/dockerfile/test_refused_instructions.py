"""What BuildKit's instructions refuse is refused in the same words, each at its line."""

from pathlib import PurePosixPath

import pytest

from careen.dockerfile.instructions import problems_of, refusal, refusals_of
from careen.dockerfile.parser import parse
from careen.text.source import Source


def refused(text: str) -> str | None:
    return refusal(parse(Source(PurePosixPath("Dockerfile"), text)).instructions[0])


@pytest.mark.parametrize("keyword", ["MAINTAINER", "WORKDIR", "USER", "STOPSIGNAL"])
def test_exactly_one_argument(keyword: str) -> None:
    assert refused(keyword) == f"{keyword} requires exactly one argument"


@pytest.mark.parametrize("keyword", ["ENV", "LABEL", "ONBUILD", "HEALTHCHECK", "EXPOSE", "VOLUME", "ARG", "SHELL"])
def test_at_least_one_argument(keyword: str) -> None:
    assert refused(keyword) == f"{keyword} requires at least one argument"


@pytest.mark.parametrize("text", ["ADD arg1", "COPY", 'COPY ["a"]', "COPY\t\n\t\tquux \\\n bar"])
def test_a_copy_needs_a_destination(text: str) -> None:
    keyword = text.split(maxsplit=1)[0]

    assert refused(text) == (
        f"{keyword} requires at least two arguments, but only one was provided. Destination could not be determined"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("FOO bar", "unknown instruction: FOO"),
        ("foo bar", "unknown instruction: foo"),
        ("\\\n", "unknown instruction: "),
        ("MAINTAINER --boo joe@example.com", "unknown flag: --boo"),
        ("COPY --form=a b c", "unknown flag: --form"),
        ("COPY --from=a --from=b c d", "duplicate flag specified: --from"),
        ("COPY --from b c", "missing a value on flag: --from"),
        ("COPY --exclude b c", "missing a value on flag: --exclude"),
        ("COPY --link= b c", "missing a value on flag: --link"),
        ("COPY --link=maybe b c", "expecting boolean value for flag --link, not: maybe"),
        ("COPY a <<EOF\nEOF", "COPY cannot accept a heredoc as a destination"),
        ("ADD --parents a b", "unknown flag: --parents"),
        ("FROM", "FROM requires either one or three arguments"),
        ("FROM a b", "FROM requires either one or three arguments"),
        ("FROM a like b", "FROM requires either one or three arguments"),
        (
            "FROM a AS 1st",
            'invalid name for build stage: "1st", name can\'t start with a number or contain symbols',
        ),
        ("ONBUILD ONBUILD RUN a", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("ONBUILD FROM scratch", "FROM isn't allowed as an ONBUILD trigger"),
        ("ONBUILD maintainer x", "MAINTAINER isn't allowed as an ONBUILD trigger"),
        ("ENV =b", "ENV names can not be blank"),
        ("LABEL a=b =c", "LABEL names can not be blank"),
        ("ARG a =b", "ARG names can not be blank"),
        ('VOLUME ["/a", " "]', "VOLUME specified can not be an empty string"),
        ("SHELL /bin/bash -c", "SHELL requires the arguments to be in JSON form"),
        ("SHELL []", "SHELL requires at least one argument"),
        ("HEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments"),
        ("HEALTHCHECK curl localhost", 'Unknown type "CURL" in HEALTHCHECK (try CMD)'),
        ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"),
        ("HEALTHCHECK --interval=5 CMD a", 'time: missing unit in duration "5"'),
        ("HEALTHCHECK --interval=5x CMD a", 'time: unknown unit "x" in duration "5x"'),
        ("HEALTHCHECK --interval=x CMD a", 'time: invalid duration "x"'),
        ("HEALTHCHECK --interval=- CMD a", 'time: invalid duration "-"'),
        ("HEALTHCHECK --interval=.s CMD a", 'time: invalid duration ".s"'),
        ("HEALTHCHECK --timeout=50ns CMD a", 'Interval "timeout" cannot be less than 1ms'),
        ("HEALTHCHECK --start-period=-5s CMD a", 'Interval "start-period" cannot be less than 1ms'),
        ("HEALTHCHECK --interval=3000000h CMD a", 'time: invalid duration "3000000h"'),
        ("HEALTHCHECK --retries=x CMD a", 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("HEALTHCHECK --retries=2147483648 CMD a", 'strconv.ParseInt: parsing "2147483648": value out of range'),
        ("HEALTHCHECK --retries=-1 CMD a", "--retries cannot be negative (-1)"),
        ("RUN --network=internal a", 'invalid network mode "internal"'),
        ("RUN --security=none a", 'security "none" is not valid'),
        ("RUN --mount=from=$stage a", "'from' doesn't support variable expansion, define alias stage instead"),
        ("RUN --mount a", "missing a value on flag: --mount"),
        ("RUN --mount= a", "failed to parse csv mounts: EOF"),
        (
            'RUN --mount=a\\"b a',
            'failed to parse csv mounts: parse error on line 1, column 2: bare " in non-quoted-field',
        ),
        ("RUN --device=a,b a", "invalid field 'b' must be a key=value pair"),
        ("RUN --device=a,name=b a", "device name already set to a"),
    ],
)  # fmt: skip
def test_refusals(text: str, reason: str) -> None:
    assert refused(text) == reason


@pytest.mark.parametrize(
    "text",
    [
        "RUN",
        "CMD []",
        "RUN --mount=type=nonsense a",
        "RUN --mount=type=bind,from=a$ --device=x=y,required=false a",
        "STOPSIGNAL --odd TERM",
        "ARG --odd a",
        "FROM a aS B.c-d_1",
        "HEALTHCHECK none",
        "HEALTHCHECK --odd NONE",
        "HEALTHCHECK --interval=0 --timeout=1.5h2m.5s --start-interval=+1ms --retries=+03 CMD a",
        "COPY --link --parents=FALSE --exclude=a --exclude=b a <b",
        "ADD --unpack=true --checksum=x a b",
        "ONBUILD FOO",
        "ENV a=",
    ],
)
def test_what_buildkit_takes_is_taken(text: str) -> None:
    assert refused(text) is None


def test_every_problem_is_told_with_its_line_and_a_near_miss_as_hint() -> None:
    dockerfile = parse(
        Source(
            PurePosixPath("docker/Dockerfile"), "ARG a\nRUN early\nFROM b\nCOPPY a b\nCOPY --fro=x \\\n a b\nCMD x\n"
        )
    )

    problems = problems_of(dockerfile)

    assert [problem.message for problem in problems] == [
        "docker/Dockerfile:2: no build stage in current context",
        "docker/Dockerfile:4: unknown instruction: COPPY",
        "docker/Dockerfile:5: unknown flag: --fro",
    ]
    assert [problem.hints for problem in problems] == [(), ("did you mean `COPY`?",), ("did you mean `--from`?",)]
    assert [problem.line for problem in refusals_of(dockerfile)] == [4, 5]


def test_a_file_of_arguments_alone_builds_nothing() -> None:
    (problem,) = problems_of(parse(Source(PurePosixPath("Dockerfile"), "ARG a=1\nARG b\n")))

    assert problem.reason == "dockerfile contains no stages to build"


@pytest.mark.parametrize(
    ("reader", "count"),
    [("docker/dockerfile:1", 1), ("docker.io/docker/dockerfile:labs", 1), ("example/plus:1", 0)],
)
def test_a_file_for_another_reader_is_judged_by_nobody(reader: str, count: int) -> None:
    dockerfile = parse(Source(PurePosixPath("Dockerfile"), f"# syntax={reader}\nFROM a\nINCLUDE+ b\n"))

    assert len(problems_of(dockerfile)) == count
