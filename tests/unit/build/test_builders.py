"""What docker and buildah are asked for, where their builders are, and what is told when they fail."""

from pathlib import Path, PurePosixPath

import pytest

from careen.build.buildah import BuildahBuilder, find_buildah
from careen.build.docker import DockerBuilder, find_docker
from careen.build.recipe_file import BuilderFailedError, RecipeFile, Target
from careen.dockerfile.parser import parse
from careen.errors import MissingToolError
from careen.platforms import Platform
from careen.progress import Step, unheard
from careen.text.source import Source
from fakes.builders import FakeClient, fake_client

DOCKERFILE = """\
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS api
RUN make
COPY app /app

FROM ${BASE} AS worker
COPY app /app
"""
BUILDX = {"words": ["buildx", "version"], "prints": ["github.com/docker/buildx 0.13.1"]}
INSPECTED = """\
Name:          {name}
Driver:        {driver}
Last Activity: 2026-11-24 12:41:10 +0000 UTC

Nodes:
Name:      {name}0
Endpoint:  tcp://builders.example:1234
"""
FAILED = [
    "#1 [internal] load build definition from Dockerfile",
    "#1 DONE 0.0s",
    "#5 [api 2/3] RUN make",
    "#5 0.311 make: *** No targets specified and no makefile found.  Stop.",
    '#5 ERROR: process "/bin/sh -c make" did not complete successfully: exit code: 2',
]


def inspected(name: str, driver: str) -> dict[str, object]:
    return {"words": ["buildx", "inspect"], "prints": INSPECTED.format(name=name, driver=driver).splitlines()}


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    made = fake_client(tmp_path / "docker", "docker")
    monkeypatch.setenv("PATH", f"{made.folder}:/usr/bin:/bin")
    return made


def recipe(folder: Path, *options: str, platform: str | None = None) -> RecipeFile:
    path = folder / "Dockerfile"
    path.write_text(DOCKERFILE)
    return RecipeFile(
        context=folder,
        path=path,
        dockerfile=parse(Source.decode(PurePosixPath("Dockerfile"), DOCKERFILE.encode())),
        targets=tuple(Target(service=name, stage=name, reference=f"shop_{name}") for name in ("api", "worker")),
        platform=Platform.parse(platform) if platform is not None else None,
        options=options,
    )


def test_a_builder_elsewhere_is_asked_by_its_name_and_hands_over_archives(docker: FakeClient, tmp_path: Path) -> None:
    docker.answers(BUILDX, inspected("farm", "remote"), {"words": ["build"], "prints": ["#1 [api 1/3] FROM debian"]})
    builder = find_docker({"PATH": "/usr/bin"}, "farm")
    assert (builder.described, builder.in_daemon) == ("docker buildx (farm)", False)
    assert docker.asked()[-1]["words"] == ["buildx", "inspect", "--bootstrap", "farm"]
    asked = recipe(tmp_path, "--allow=network.host", platform="linux/arm64")

    (tmp_path / "out").mkdir()
    builder.build(asked, tmp_path / "out", unheard)

    api = next(words for words in docker.builds() if "api" in words)
    assert api[:4] == ["buildx", "build", "--progress=plain", "--builder=farm"]
    assert api[4:] == [
        *("--file", str(tmp_path / "Dockerfile"), "--target", "api", "--platform", "linux/arm64"),
        *("--output", f"type=oci,dest={tmp_path / 'out' / 'api.tar'}", "--allow=network.host", str(tmp_path)),
    ]
    handed = builder.hand_over(asked, tmp_path / "out")
    assert {service: image.archive.name for service, image in handed.items()} == {
        "api": "api.tar",
        "worker": "worker.tar",
    }
    assert all(image.archive.read_bytes() == b"an archive" for image in handed.values())


def test_the_builder_in_a_container_hands_over_as_one_elsewhere(docker: FakeClient) -> None:
    docker.answers(BUILDX, inspected("boxed", "docker-container"))
    assert not find_docker({}, "boxed").in_daemon


def test_what_the_daemon_builds_is_saved_under_the_names_that_it_gave(docker: FakeClient, tmp_path: Path) -> None:
    docker.answers(BUILDX, inspected("default", "docker"), {"words": [], "prints": []})
    builder = find_docker({})
    assert builder.in_daemon

    builder.build(recipe(tmp_path), tmp_path, unheard)
    handed = builder.hand_over(recipe(tmp_path), tmp_path)

    assert all("--load" in words and "--tag" in words for words in docker.builds())
    assert docker.asked()[-1]["words"] == [
        *("save", "--output", str(tmp_path / "images.tar"), "shop_api:latest", "shop_worker:latest")
    ]
    assert {image.name for image in handed.values()} == {"shop_api:latest", "shop_worker:latest"}
    assert {asked["buildkit"] for asked in docker.asked() if "build" in asked["words"]} == {"1"}


def test_a_client_without_buildx_has_buildkit_of_its_own_when_it_is_old(docker: FakeClient) -> None:
    versions = {"words": ["version"], "prints": ["20.10.24"]}
    docker.answers({"words": ["buildx"], "prints": [], "status": 1}, versions)
    assert find_docker({}).described == "docker 20.10.24"
    with pytest.raises(MissingToolError, match="no buildx here, which would know the builder farm"):
        find_docker({}, "farm")
    docker.answers({"words": ["buildx"], "prints": [], "status": 1}, {**versions, "prints": ["28.1.1"]})
    with pytest.raises(MissingToolError, match=r"docker 28\.1\.1 needs its plugin buildx"):
        find_docker({})


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"prints": [], "complains": 'ERROR: no builder "farm" found\n', "status": 1}, 'no builder "farm" found'),
        ({"prints": ["Driver: remote", "Error:     connection refused"]}, "connection refused"),
    ],
)
def test_a_builder_that_does_not_answer_is_named_with_its_reason(
    docker: FakeClient, answer: dict[str, object], told: str
) -> None:
    docker.answers(BUILDX, {"words": ["inspect"], **answer})
    with pytest.raises(MissingToolError, match="builder farm does not answer") as caught:
        find_docker({}, "farm")
    assert told in caught.value.message


def built(docker: FakeClient) -> DockerBuilder:
    return DockerBuilder(
        program=docker.program,
        builder="farm",
        described="docker buildx (farm)",
        in_daemon=False,
        buildx=True,
        environment={},
    )


def test_a_step_that_fails_is_told_with_its_line_what_it_printed_and_the_service(
    docker: FakeClient, tmp_path: Path
) -> None:
    docker.answers({"words": ["api"], "prints": FAILED, "status": 1}, {"words": ["build"], "prints": []})

    with pytest.raises(BuilderFailedError) as caught:
        built(docker).build(recipe(tmp_path), tmp_path, unheard)

    assert caught.value.message.splitlines() == [
        (
            "Dockerfile:4: docker buildx (farm) failed for api at [api 2/3] RUN make: "
            'process "/bin/sh -c make" did not complete successfully: exit code: 2'
        ),
        "  make: *** No targets specified and no makefile found.  Stop.",
    ]


def test_a_failure_stops_the_builds_beside_it(docker: FakeClient, tmp_path: Path) -> None:
    slowly = [word for number in range(200) for word in (f"#9 {number}.0 still at it", 0.1)]
    docker.answers({"words": ["api"], "prints": FAILED, "status": 1}, {"words": ["worker"], "prints": slowly})
    steps: list[Step] = []

    with pytest.raises(BuilderFailedError, match="failed for api"):
        built(docker).build(recipe(tmp_path), tmp_path, steps.append)

    assert steps[-1].done == 0, "the other one was not waited for"


def test_steps_are_told_as_they_begin_with_their_service(docker: FakeClient, tmp_path: Path) -> None:
    docker.answers({"words": ["build"], "prints": ["#4 [worker 2/2] COPY app /app", "#4 DONE 0.1s"]})
    steps: list[Step] = []

    built(docker).build(recipe(tmp_path), tmp_path, steps.append)

    assert {step.detail for step in steps} >= {"api: [worker 2/2] COPY app /app", "api", "worker"}
    assert (steps[-1].done, steps[-1].total) == (2, 2)


def test_buildah_makes_the_first_target_alone_and_is_told_the_arguments_above_the_stages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = fake_client(tmp_path / "bin", "buildah")
    monkeypatch.setenv("PATH", f"{client.folder}:/usr/bin:/bin")
    version = {"words": ["--version"], "prints": ["buildah version 1.28.2 (image-spec 1.0.2-dev, runtime-spec 1.0.2)"]}
    client.answers(version, {"words": [], "prints": ["STEP 1/2: FROM debian", 0.2]})
    (tmp_path / "Dockerfile.dockerignore").write_text("*\n!app\n")
    builder = find_buildah({})
    assert isinstance(builder, BuildahBuilder)
    assert builder.described == "buildah 1.28.2"

    builder.build(recipe(tmp_path, "--isolation=chroot"), tmp_path, unheard)
    handed = builder.hand_over(recipe(tmp_path), tmp_path)

    first, second = client.builds()
    assert "api" in first
    assert "worker" in second
    assert first == [
        *("build", "--layers", "--format", "docker", "--file", str(tmp_path / "Dockerfile"), "--target", "api"),
        *("--tag", "shop_api", "--ignorefile", str(tmp_path / "Dockerfile.dockerignore")),
        *("--build-arg=BASE=debian:bookworm-slim", "--isolation=chroot", str(tmp_path)),
    ]
    assert sorted(asked["words"] for asked in client.asked()[-2:]) == [
        ["push", "--quiet", f"shop_{name}", f"docker-archive:{tmp_path / name}.tar"] for name in ("api", "worker")
    ]
    assert set(handed) == {"api", "worker"}


def test_buildahs_failure_is_told_with_its_line(tmp_path: Path) -> None:
    client = fake_client(tmp_path / "bin", "buildah")
    lines = [
        "[1/2] STEP 2/3: RUN make",
        "make: *** No targets specified and no makefile found.  Stop.",
        'Error: building at STEP "RUN make": while running runtime: exit status 2',
    ]
    client.answers({"words": ["build"], "prints": lines, "status": 2})
    builder = BuildahBuilder(program=client.program, described="buildah 1.28.2", environment={})

    with pytest.raises(BuilderFailedError, match=r"^Dockerfile:4: buildah 1\.28\.2 failed for api at RUN make"):
        builder.build(recipe(tmp_path), tmp_path, unheard)

    assert len(client.builds()) == 1, "what stands on the same stages is not begun"
