"""Every field in its long and its short form."""

from pathlib import PurePosixPath

import pytest

from careen.compose.load import load_project
from careen.compose.model import ComposeService
from careen.compose.values import parse_duration, parse_number, parse_size, plain_value
from careen.text.source import Source


def service(text: str, **variables: str) -> ComposeService:
    body = "".join(f"    {line}\n" for line in text.splitlines())
    source = Source(PurePosixPath("compose.yaml"), f"services:\n  api:\n{body}")
    (found,) = load_project([source.path], lambda _: source, variables=variables, folder_name="x").services
    return found


@pytest.mark.parametrize(
    ("text", "field", "expected"),
    [
        ("ports: [80, '81:82', '127.0.0.1:83:84/udp', '85-86:87-88', '3000-3002', '[::1]:90:91']", "ports",
         ((None, 80), (81, 82), (83, 84), (85, 87), (86, 88), (None, 3000), (None, 3001), (None, 3002), (90, 91))),
        ("ports: [{target: 80, published: '8080', mode: host}, {target: 81}]", "ports", ((8080, 80), (None, 81))),
        ("ports: ['9000-9001:80']", "ports", ((None, 80),)),
        ("ports: ['${PORT:-8000}:8000', junk, '1-99999999:1']", "ports", ((8000, 8000), (None, 1))),
        ("expose: [80, '81/tcp', '82-83']", "ports", ((None, 80), (None, 81), (None, 82), (None, 83))),
        ("environment: {A: 1, B: , C: '', D: true, E: 1.50}", "environment",
         (("A", "1"), ("B", None), ("C", ""), ("D", "true"), ("E", "1.5"))),
        ("environment: [TAG, B]", "environment", (("TAG", "1"), ("B", None))),
        ("environment: [A=1, B, C=, 'D=a=b']", "environment", (("A", "1"), ("B", None), ("C", ""), ("D", "a=b"))),
        ("tmpfs: /run", "tmpfs", ("/run",)),
        ("tmpfs: ['/run:size=64m', /tmp]", "tmpfs", ("/run:size=64m", "/tmp")),
        ("user: 1000", "user", "1000"),
        ("user: '1000:1000'", "user", "1000:1000"),
        ("init: yes", "init", True),
        ("init: 'true'", "init", True),
        ("init: false", "init", False),
        ("read_only: true", "read_only", True),
        ("cap_drop: [ALL]", "cap_drop", ("ALL",)),
        ("cap_add: []", "cap_add", ()),
        ("security_opt: ['no-new-privileges:true']", "security_opt", ("no-new-privileges:true",)),
        ("stop_grace_period: 1m30s", "stop_grace_seconds", 90.0),
        ("stop_grace_period: soon", "stop_grace_seconds", None),
        ("stop_signal: SIGQUIT", "stop_signal", "SIGQUIT"),
        ("profiles: [debug]", "profiles", ("debug",)),
        ("working_dir: /srv", "working_directory", "/srv"),
        ("network_mode: host", "network_mode", "host"),
        ("pid: host", "pid_mode", "host"),
        ("image: 'a:$TAG'", "image", "a:1"),
        ("image: 'a:${NONE:-b}$$x'", "image", "a:b$x"),
        ("env_file: ./a.env", "env_files", ("a.env",)),
        ("env_file: [a.env, {path: b.env}]", "env_files", ("a.env", "b.env")),
    ],
)  # fmt: skip
def test_fields(text: str, field: str, expected: object) -> None:
    assert getattr(service(text, TAG="1"), field) == expected


@pytest.mark.parametrize(
    ("text", "argv", "as_string"),
    [
        ("command: gunicorn 'a b' \"c $TAG\" d\\ e", ("gunicorn", "a b", "c 1", "d e"), True),
        ("command: [gunicorn, 'a b', $TAG, 8]", ("gunicorn", "a b", "1", "8"), False),
        ("command: >\n  one\n  two\n", ("one", "two"), True),
        ("command: |\n  one \\\n  two\n", ("one", "\ntwo"), True),
        ('command: sh -c "a && b"', ("sh", "-c", "a && b"), True),
        ("command: sh -c 'echo $$HOME'", ("sh", "-c", "echo $HOME"), True),
        ("command: a && b", ("a",), True),
        ("command: a 2>b", ("a",), True),
        ("command: a $(b c) `d e` 'f|g'", ("a", "$(b c)", "`d e`", "f|g"), True),
        ("command: |\n  a \"b\\tc\" '' d\"e\"'f'", ("a", "btc", "", "def"), True),
        ("command: a(b)", ("a(b)",), True),
        ("command: []", (), False),
        ("command: it's open", ("it's", "open"), True),
    ],
)  # fmt: skip
def test_a_command_is_split_and_never_run_by_a_shell(text: str, argv: tuple[str, ...], as_string: bool) -> None:
    found = service(text, TAG="1").command

    assert found is not None
    assert (found.argv, found.written_as_string) == (argv, as_string)


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        ("command: migrate && serve --port 80", "&& serve --port 80"),
        ("command: serve 2>&1 | tee log", "&1 | tee log"),
        ("command: worker; beat", "; beat"),
        ("command: serve --to http://other/?a=1&b=2", "&b=2"),
        ('command: sh -c "a && b"', ""),
        ("command: [a, '&&', b]", ""),
    ],
)
def test_what_compose_leaves_out_of_a_command_is_kept_apart(text: str, dropped: str) -> None:
    found = service(text).command

    assert found is not None
    assert found.dropped.lstrip("> ") == dropped


def test_a_command_of_nothing_is_none() -> None:
    assert service("command:").command is None


@pytest.mark.parametrize(
    ("text", "context", "dockerfile", "target", "arguments"),
    [
        ("build: .", ".", None, None, ()),
        ("build: ./a/$TAG", "./a/1", None, None, ()),
        ("build: {dockerfile: D, target: web, args: {A: 1, B: }}", ".", "D", "web", (("A", "1"), ("B", None))),
        ("build: {context: x, target: '', args: [A=b, C]}", "x", None, None, (("A", "b"), ("C", None))),
        ("build: https://git.example/r.git#main", "https://git.example/r.git#main", None, None, ()),
    ],
)
def test_builds(
    text: str, context: str, dockerfile: str | None, target: str | None, arguments: tuple[tuple[str, str | None], ...]
) -> None:
    found = service(text, TAG="1").build

    assert found is not None
    assert (found.context, found.dockerfile, found.target, found.arguments) == (context, dockerfile, target, arguments)


def test_a_dockerfile_may_stand_in_the_compose_file() -> None:
    found = service("build:\n  dockerfile_inline: |\n    FROM a\n    RUN b\n").build

    assert found is not None
    assert found.inline_dockerfile == "FROM a\nRUN b\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'./a:/b'", ("bind", "./a", "/b", False)),
        ("'~/a:/b:ro,z'", ("bind", "~/a", "/b", True)),
        ("'/a:/b:rw'", ("bind", "/a", "/b", False)),
        ("named:/b", ("volume", "named", "/b", False)),
        ("/b", ("volume", None, "/b", False)),
        ("'C:\\a:/b:ro'", ("bind", "C:\\a", "/b", True)),
        ("'${SRC:-./a}:/b'", ("bind", "./a", "/b", False)),
        ("{type: bind, source: ./a, target: /b, read_only: true}", ("bind", "./a", "/b", True)),
        ("{type: volume, target: /b}", ("volume", None, "/b", False)),
        ("{type: tmpfs, target: /b, tmpfs: {size: 1m}}", ("tmpfs", None, "/b", False)),
        ("{source: named, target: /b}", ("volume", "named", "/b", False)),
    ],
)
def test_mounts(text: str, expected: tuple[str, str | None, str, bool]) -> None:
    (mount,) = service(f"volumes:\n  - {text}").mounts

    assert (mount.kind, mount.source, mount.target, mount.read_only) == expected


@pytest.mark.parametrize(
    ("text", "test", "shell", "disabled"),
    [
        ("test: curl -f x || exit 1", ("curl -f x || exit 1",), True, False),
        ("test: [CMD, curl, -f]", ("curl", "-f"), False, False),
        ("test: [CMD-SHELL, 'curl -f x']", ("curl -f x",), True, False),
        ("test: [NONE]", ("NONE",), False, True),
        ("disable: true", (), False, True),
    ],
)
def test_health_checks(text: str, test: tuple[str, ...], shell: bool, disabled: bool) -> None:
    found = service(
        f"healthcheck:\n  interval: 1m\n  timeout: 500ms\n  start_period: 2s\n  retries: 3\n  {text}"
    ).health

    assert found is not None
    assert (found.test, found.shell, found.disabled) == (test, shell, disabled)
    assert (found.interval, found.timeout, found.start_period, found.retries) == (60.0, 0.5, 2.0, 3)


@pytest.mark.parametrize(
    ("text", "memory", "cpus", "pids", "gpus"),
    [
        ("mem_limit: 512m", 512 * 1024**2, None, None, False),
        ("mem_limit: 1000000\ncpus: 1.5\npids_limit: 99", 1_000_000, 1.5, 99, False),
        ("deploy: {resources: {limits: {memory: 1.5G, cpus: '2'}}}", 1536 * 1024**2, 2.0, None, False),
        ("deploy: {resources: {limits: {memory: '${M:-64MiB}'}}}\nmem_limit: 1g", 64 * 1024**2, None, None, False),
        ("deploy: {resources: {reservations: {devices: [{capabilities: [gpu]}]}}}", None, None, None, True),
        ("gpus: all", None, None, None, True),
        ("runtime: nvidia", None, None, None, True),
        ("deploy: {replicas: 3}", None, None, None, False),
        ("mem_limit: lots", None, None, None, False),
    ],
)
def test_limits(text: str, memory: int | None, cpus: float | None, pids: int | None, gpus: bool) -> None:
    found = service(text).limits

    assert (found.memory_bytes, found.cpus, found.pids, found.gpus) == (memory, cpus, pids, gpus)


def test_dependencies() -> None:
    found = service("depends_on:\n  db: {condition: service_healthy, required: false}\n  queue: {}\n  x:\n")

    assert [(item.service, item.condition) for item in found.depends_on] == [
        ("db", "service_healthy"),
        ("queue", "service_started"),
        ("x", "service_started"),
    ]


def test_dependencies_that_other_fields_imply() -> None:
    found = service(
        "depends_on: [db]\nlinks: ['db:database', cache]\n"
        "volumes_from: [data:ro, 'container:x']\nnetwork_mode: service:vpn"
    )

    assert [item.service for item in found.depends_on] == ["db", "cache", "data", "vpn"]


def test_places_are_those_in_the_file() -> None:
    found = service("image: x\nprivileged: true\nbuild:\n  context: .\n")

    assert found.build is not None
    assert found.privileged is not None
    assert (found.place.line, found.privileged.line, found.build.place.line, found.build.place.end_line) == (2, 4, 5, 6)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1h2m3s", 3723.0), ("1.5s", 1.5), ("90", 90.0), ("250us", 0.00025), ("", None), ("5x", None), ("s", None)],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "count"),
    [("1024", 1024), ("1k", 1024), ("2KB", 2048), ("1.5g", 1536 * 1024**2), ("64MiB", 64 * 1024**2), ("1 GB", 1024**3),
     ("x", None), ("", None), ("-1", None)],
)  # fmt: skip
def test_sizes(text: str, count: int | None) -> None:
    assert parse_size(text) == count


def test_numbers() -> None:
    assert (parse_number("0.5"), parse_number("x")) == (0.5, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("022", "18"), ("1_000", "1000"), ("0x1F", "31"), ("1.50", "1.5"), ("True", "true"), ("FALSE", "false"),
     ("yes", "yes"), ("1e3", "1000"), (".5", "0.5"), ("+5", "5"), ("1.0", "1"), ("0o17", "15"), ("08", "8"),
     ("12345678901234567890123", "1.2345678901234568e+22"), ("1e30", "1e+30"), ("-0", "0"), ("0b11", "3"),
     ("123456789.0", "1.23456789e+08"), ("1__0", "10"), ("0.00001", "1e-05"), ("-1.5", "-1.5"), ("0", "0"),
     ("1.2.3", "1.2.3"), ("8000:80", "8000:80"), ("-", "-"), ("1e99999", "inf"), ("100.0", "100"), ("a", "a")],
)  # fmt: skip
def test_plain_values_become_the_strings_that_a_container_gets(text: str, expected: str) -> None:
    assert plain_value(text) == expected


def test_other_names_of_a_service_are_known() -> None:
    text = "hostname: postgres\ncontainer_name: shop-db\nnetworks: {back: {aliases: [store, postgres]}, front: }"
    assert service(text).aliases == ("postgres", "shop-db", "store")
    assert service("networks: [back]").aliases == ()
    assert service("links: [db, 'db:postgres']").links == (("db", "postgres"),)
