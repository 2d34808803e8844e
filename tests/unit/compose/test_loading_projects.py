"""Several files become one project as ``docker compose config`` makes it; what cannot be read becomes a note."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import pytest

from careen.compose.load import image_name, load_project, project_name
from careen.compose.model import ComposeProject, ComposeService
from careen.errors import CareenError
from careen.text.source import Source


class _MissingError(CareenError):
    pass


def project(
    files: Mapping[str, str] | str, *names: str, variables: Mapping[str, str] | None = None, folder: str = "shop"
) -> ComposeProject:
    texts = {"compose.yaml": files} if isinstance(files, str) else files

    def read(path: PurePosixPath) -> Source:
        if str(path) not in texts:
            raise _MissingError(f"{path}: no such file")
        return Source(path, texts[str(path)])

    paths = [PurePosixPath(name) for name in names or (next(iter(texts)),)]
    return load_project(paths, read, variables=variables or {}, folder_name=folder)


def service(files: Mapping[str, str] | str, name: str = "api", **given: Any) -> ComposeService:
    found = project(files, **given).service(name)
    assert found is not None
    return found


def merged(base: str, override: str) -> ComposeService:
    def indent(text: str) -> str:
        return "services:\n  api:\n" + "".join(f"    {line}\n" for line in text.splitlines())

    found = project({"a.yaml": indent(base), "b.yaml": indent(override)}, "a.yaml", "b.yaml").service("api")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("base", "override", "field", "expected"),
    [
        ("image: a", "image: b", "image", "b"),
        ("image: a", "image:", "image", "a"),
        ("cap_drop: [ALL]", "cap_drop: [ALL, CHOWN]", "cap_drop", ("ALL", "CHOWN")),
        ("security_opt: [a]", "security_opt: [b]", "security_opt", ("a", "b")),
        ("tmpfs: /a", "tmpfs: [/b, /a]", "tmpfs", ("/a", "/b")),
        ("environment: {A: 1, B: 2}", "environment: [B=3, C]", "environment", (("A", "1"), ("B", "3"), ("C", None))),
        ("environment: [A=1]", "environment: [A=2, B=]", "environment", (("A", "2"), ("B", ""))),
        ("ports: ['80:80']", "ports: ['80:80', '81:81']", "ports", ((80, 80), (81, 81))),
        ("profiles: [a]", "profiles: [b, a]", "profiles", ("a", "b")),
        ("cap_add: [A]", "cap_add: !override [B]", "cap_add", ("B",)),
        ("cap_add: [A]", "cap_add: !reset []", "cap_add", ()),
        ("user: a", "user: !reset null", "user", None),
        ("env_file: a.env", "env_file: [b.env, a.env]", "env_files", ("a.env", "b.env")),
    ],
)
def test_merging(base: str, override: str, field: str, expected: object) -> None:
    assert getattr(merged(base, override), field) == expected


def test_commands_and_health_tests_are_replaced_and_never_joined() -> None:
    found = merged(
        "command: [a, b]\nentrypoint: [e]\nhealthcheck:\n  test: [CMD, a]\n  interval: 5s",
        "command: c\nentrypoint: []\nhealthcheck:\n  test: [CMD, b]\n  retries: 2",
    )

    assert found.command is not None
    assert found.entrypoint is not None
    assert found.health is not None
    assert (found.command.argv, found.command.written_as_string, found.entrypoint.argv) == (("c",), True, ())
    assert (found.health.test, found.health.interval, found.health.retries) == (("b",), 5.0, 2)


def test_volumes_are_one_for_each_target() -> None:
    found = merged(
        "volumes: ['./src:/app', 'data:/data', '${LOGS:-./logs}:/logs']",
        "volumes: ['./other:/app:ro', {type: volume, source: new, target: /data}, 'logs:/logs']",
    )

    assert [(mount.source, mount.target, mount.read_only) for mount in found.mounts] == [
        ("./other", "/app", True),
        ("new", "/data", False),
        ("logs", "/logs", False),
    ]


def test_a_build_may_be_written_in_two_ways() -> None:
    found = merged("build: ./api", "build:\n  args: [A=1]\n  target: web").build
    short = merged("build: {context: x, args: {A: 1}}", "build: ./y").build

    assert found is not None
    assert short is not None
    assert (found.context, found.target, found.arguments) == ("./api", "web", (("A", "1"),))
    assert (short.context, short.arguments) == ("./y", (("A", "1"),))


def test_dependencies_may_be_a_list_and_a_mapping() -> None:
    found = merged("depends_on: [db, queue]", "depends_on: {db: {condition: service_healthy}}")

    assert [(item.service, item.condition) for item in found.depends_on] == [
        ("db", "service_healthy"),
        ("queue", "service_started"),
    ]


def test_limits_are_merged_deeply() -> None:
    found = merged(
        "deploy: {resources: {limits: {memory: 1g}, reservations: {devices: [{capabilities: [gpu]}]}}}\ncpus: 3",
        "deploy: {resources: {limits: {cpus: '0.5', pids: 10}}}",
    ).limits

    assert (found.memory_bytes, found.cpus, found.pids, found.gpus) == (1024**3, 0.5, 10, True)


def test_anchors_merge_keys_and_extension_fields() -> None:
    found = project(
        "x-base: &base\n  image: base\n  environment: &env {A: 1}\nx-more: &more\n  user: app\n"
        "services:\n  api:\n    <<: [*base, *more]\n    environment:\n      <<: *env\n      B: 2\n"
        "  worker:\n    <<: *base\n    image: other\n"
    )
    api, worker = found.services

    assert (api.image, api.user, dict(api.environment)) == ("base", "app", {"B": "2", "A": "1"})
    assert (worker.image, dict(worker.environment)) == ("other", {"A": "1"})


def test_a_service_extends_another_of_the_same_file_and_so_on() -> None:
    found = service(
        "services:\n"
        "  base: {image: a, environment: {A: 1, B: 1}, cap_drop: [ALL]}\n"
        "  middle: {extends: base, environment: {B: 2}}\n"
        "  api: {extends: {service: middle}, environment: {C: 3}}\n"
    )

    assert (found.image, dict(found.environment), found.cap_drop) == ("a", {"A": "1", "B": "2", "C": "3"}, ("ALL",))


def test_a_container_gets_the_variables_of_files_and_its_own_which_win() -> None:
    found = service(
        {
            "compose.yaml": "services:\n  api:\n    image: x\n    env_file: [web.env]\n"
            "    environment: {BOTH: own, OWN: '1', PASSED: }\n",
            "web.env": "BOTH=file\nFILE=2\n",
        }
    )

    assert dict(found.variables) == {"BOTH": "own", "FILE": "2", "OWN": "1"}


def test_paths_of_an_extended_file_start_where_that_file_stands() -> None:
    found = service(
        {
            "deploy/compose.yaml": "services: {api: {extends: {file: ../common/base.yaml, service: web}}}",
            "common/base.yaml": "services:\n  web:\n    extends: {file: more/other.yaml, service: x}\n"
            "    build: ./web\n    env_file: web.env\n    volumes: ['./data:/data', named:/n, /abs:/abs]\n",
            "common/more/other.yaml": "services: {x: {build: {dockerfile: D}, volumes: ['./deep:/deep']}}",
            "common/web.env": "FROM_FILE=yes",
        }
    )

    assert found.build is not None
    assert (found.build.context, found.build.dockerfile) == ("../common/web", "D")
    assert found.env_files == ("../common/web.env",)
    assert found.file_environment == (("FROM_FILE", "yes"),)
    assert [mount.source for mount in found.mounts] == ["./../common/more/deep", "./../common/data", "named", "/abs"]


@pytest.mark.parametrize(
    ("services", "words"),
    [
        ("api: {extends: api, image: x}", "circle"),
        ("api: {extends: b, image: x}\n  b: {extends: api}", "circle"),
        ("api: {extends: {file: gone.yaml, service: b}, image: x}", "gone.yaml: no such file"),
        ("api: {extends: nobody, image: x}", "nobody, which is not in compose.yaml"),
        ("api: {extends: {file: compose.yaml}, image: x}", "nowhere"),
        ("api: {extends: [b], image: x}", "nowhere"),
        ("api: {extends: {file: broken.yaml, service: b}, image: x}", "broken.yaml:1: not YAML"),
        ("api: {extends: {file: compose.yaml, service: api}, image: x}", "circle"),
    ],
)
def test_extends_that_leads_nowhere_is_a_note_with_its_line(services: str, words: str) -> None:
    found = project({"compose.yaml": f"services:\n  {services}\n", "broken.yaml": "a: [b"})

    assert any(words in note and note.startswith(("compose.yaml:2:", "compose.yaml:3:")) for note in found.notes)
    assert found.service("api") is not None


def test_a_long_chain_of_extends_ends() -> None:
    text = "services:\n  s0: {image: x}\n" + "".join(f"  s{i}: {{extends: s{i - 1}}}\n" for i in range(1, 200))

    found = project(text)

    assert len(found.services) == 200
    assert found.service("s40").image == "x"  # type: ignore[union-attr]
    assert any("circle or nowhere" in note for note in found.notes)


def test_included_files_bring_their_services_with_their_own_folder_and_variables() -> None:
    found = project(
        {
            "compose.yaml": "include:\n  - infra/db.yaml\n  - path: [other/a.yaml, other/b.yaml]\n"
            "    project_directory: base\n    env_file: vars.env\nservices: {api: {image: 'a:${TAG-none}'}}\n",
            "infra/db.yaml": "services: {db: {build: ., image: 'db:${TAG}', volumes: ['./d:/d']}}",
            "infra/.env": "TAG=from-infra",
            "other/a.yaml": "services: {x: {build: x, command: '${CMD}'}}",
            "other/b.yaml": "services: {x: {image: over}}",
            "vars.env": "CMD=run it",
        }
    )
    db, x = found.service("db"), found.service("x")

    assert [each.name for each in found.services] == ["db", "x", "api"]
    assert db is not None
    assert db.build is not None
    assert (db.build.context, db.image, db.mounts[0].source) == ("infra", "db:from-infra", "./infra/d")
    assert x is not None
    assert x.build is not None
    assert x.command is not None
    assert (x.build.context, x.image, x.command.argv) == ("base/x", "over", ("run", "it"))
    assert found.service("api").image == "a:none"  # type: ignore[union-attr]
    assert not found.notes


@pytest.mark.parametrize(
    ("include", "words"),
    [
        ("[compose.yaml]", "circle"),
        ("[a.yaml]", "circle"),
        ("[gone.yaml]", "gone.yaml: no such file"),
        ("['https://git.example/r.git']", "from elsewhere"),
        ("['oci://index.example/r:1']", "from elsewhere"),
        ("[{env_file: x}]", "from elsewhere"),
        ("[{path: b.yaml, env_file: gone.env}]", "gone.env cannot be read"),
        ("[broken.yaml]", "broken.yaml:1: not YAML"),
    ],
)
def test_an_include_that_leads_nowhere_is_a_note(include: str, words: str) -> None:
    found = project(
        {
            "compose.yaml": f"include: {include}\nservices: {{api: {{image: x}}}}",
            "a.yaml": "include: [compose.yaml]\nservices: {a: {image: a}}",
            "b.yaml": "services: {b: {image: b}}",
            "broken.yaml": "a: [b",
        }
    )

    assert any(words in note for note in found.notes), found.notes
    assert found.service("api") is not None


def test_many_files_are_not_followed_for_ever() -> None:
    files = {f"f{i}.yaml": f"include: [f{i + 1}.yaml]\nservices: {{s{i}: {{image: x}}}}" for i in range(500)}

    found = project(files, "f0.yaml")

    assert 100 < len(found.services) <= 200
    assert any("more than 200 compose files" in note for note in found.notes)


@pytest.mark.parametrize(
    ("text", "variables", "expected"),
    [
        ("name: From-File\nservices: {a: {image: x}}", {}, "from-file"),
        ("name: ${N:-other}\nservices: {a: {image: x}}", {"N": "n"}, "n"),
        ("services: {a: {image: x}}", {}, "shop"),
        ("name: a\nservices: {a: {image: x}}", {"COMPOSE_PROJECT_NAME": "env"}, "env"),
    ],
)
def test_the_projects_name(text: str, variables: dict[str, str], expected: str) -> None:
    assert project(text, variables=variables).name == expected


def test_names_that_compose_makes() -> None:
    assert project_name("My Shop.v2") == "myshopv2"
    assert project_name("__x") == "x"
    assert project_name("...") == "default"
    assert image_name("shop", "api") == "shop_api"


def test_files_of_the_first_version_have_services_at_the_top() -> None:
    found = project("web:\n  build: .\n  ports: ['80:80']\ndb:\n  image: postgres\nother: 3\n")

    assert [each.name for each in found.services] == ["web", "db"]


@pytest.mark.parametrize(
    "text",
    ["", "---\n", "services:\n", "services: []\n", "services: {a: }\n", "services: {a: 3, b: [x]}\n", "version: '3'\n",
     "services: {a: {build: [x], ports: 3, volumes: x, environment: 5, depends_on: 7, healthcheck: x, deploy: y}}\n",
     "include: x\nservices: {a: {image: {b: c}, command: {x: y}, env_file: {a: b}, extends: 7}}\n"],
)  # fmt: skip
def test_odd_shapes_are_read_somehow(text: str) -> None:
    assert isinstance(project(text), ComposeProject)


def test_missing_env_files_and_variables_are_notes() -> None:
    found = project(
        "services:\n  api:\n    image: a:${TAG}\n"
        "    env_file:\n      - gone.env\n      - {path: too.env, required: false}\n"
    )

    assert found.notes == (
        "compose.yaml:3: the variable TAG is not set; it becomes nothing",
        "compose.yaml:2: the env file gone.env of api cannot be read; its variables are not known",
        "compose.yaml:2: the env file too.env of api cannot be read; its variables are not known",
    )


def test_bombs_of_aliases_cost_what_their_text_costs() -> None:
    lines = ["x0: &a0 {k: v, l: w}"]
    lines += [f"x{i}: &a{i} {{a: *a{i - 1}, b: *a{i - 1}, c: *a{i - 1}}}" for i in range(1, 60)]
    bomb = "\n".join(lines) + "\nservices: {api: {image: x, labels: *a59, environment: *a59, build: {args: *a59}}}\n"

    found = project({"a.yaml": bomb, "b.yaml": bomb}, "a.yaml", "b.yaml")

    assert found.service("api") is not None
