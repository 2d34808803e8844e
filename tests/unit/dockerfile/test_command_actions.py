"""What commands of real life do to an image."""

from typing import Any

import pytest

from careen.dockerfile.actions import (
    Action,
    ChangeOwner,
    CleanUp,
    CopyFiles,
    CreateUser,
    Download,
    Install,
    action_of,
)
from careen.dockerfile.shell import commands_of


def act(text: str, **variables: str) -> Action | None:
    actions = [action for command in commands_of(text, variables) if (action := action_of(command)) is not None]
    return actions[-1] if actions else None


def install(text: str) -> Install:
    action = act(text)
    assert isinstance(action, Install)
    return action


@pytest.mark.parametrize(
    ("text", "manager", "packages"),
    [
        ("apt-get install -y --no-install-recommends gcc libpq-dev=15.*", "apt", ("gcc", "libpq-dev=15.*")),
        ("apt-get -y -qq -o Dpkg::Use-Pty=0 install git", "apt", ("git",)),
        ("DEBIAN_FRONTEND=noninteractive apt install -yq curl", "apt", ("curl",)),
        ("apt-get install -t bookworm-backports -y git", "apt", ("git",)),
        ("apt-get install -y a b- c+ g++", "apt", ("a", "c", "g++")),
        ("sudo apt-get install x", "apt", ("x",)),
        ("apt-get install -y ./local.deb", "apt", ("./local.deb",)),
        ("dpkg -i /tmp/a.deb", "apt", ("/tmp/a.deb",)),
        ("apk add --no-cache --update bash", "apk", ("bash",)),
        ("apk add --no-cache --virtual .build gcc musl-dev", "apk", ("gcc", "musl-dev")),
        ("apk --no-cache add -t build gcc", "apk", ("gcc",)),
        ("yum install -y gcc && yum clean all && yum -y install make", "dnf", ("make",)),
        ("dnf -y --setopt=install_weak_deps=False install python3.11", "dnf", ("python3.11",)),
        ("microdnf install -y shadow-utils", "dnf", ("shadow-utils",)),
        ("zypper --non-interactive in gcc", "zypper", ("gcc",)),
        ("pip install --no-cache-dir -U pip setuptools", "pip", ("pip", "setuptools")),
        ("pip3 install 'uvicorn[standard]>=0.30'", "pip", ("uvicorn[standard]>=0.30",)),
        ("python -m pip install --index-url https://index.example/simple torch", "pip", ("torch",)),
        ("/venv/bin/python3.11 -I -m pip --no-input install x", "pip", ("x",)),
        ("/opt/venv/bin/pip3.11 install x", "pip", ("x",)),
        ("uv pip install --system --torch-backend cpu torch", "uv", ("torch",)),
        ("uv --no-cache pip install x", "uv", ("x",)),
        ("uv tool install --with plugin ruff", "uv", ("ruff", "plugin")),
        ("uvx --from httpie http get x", "uv", ("httpie",)),
        ("pipx install poetry==1.8", "pipx", ("poetry==1.8",)),
        ("easy_install x", "pip", ("x",)),
        ("conda install -y -c conda-forge gdal", "conda", ("gdal",)),
        ("micromamba create -n x -y python=3.11", "conda", ("python=3.11",)),
        ("npm install -g yarn@1", "npm", ("yarn@1",)),
        ("yarn global add serve", "npm", ("serve",)),
        ("env A=b nice -n 5 timeout -k 3 60 pip install x", "pip", ("x",)),
        ("cat packages.txt | xargs apt-get install -y", "apt", ()),
        ("gosu app pip install x", "pip", ("x",)),
        ("pdm add x", "pdm", ("x",)),
        ("pipenv install x", "pipenv", ("x",)),
    ],
)
def test_installs(text: str, manager: str, packages: tuple[str, ...]) -> None:
    found = install(text)

    assert (found.manager, found.packages) == (manager, packages)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pip install -r a.txt -rdev.txt --requirement=c.txt", {"requirement_files": ("a.txt", "dev.txt", "c.txt")}),
        ("pip install -r a.txt -r dev.txt", {"development": True}),
        ("pip install -r requirements/production.txt", {"development": False}),
        ("pip install -c constraints.txt x", {"requirement_files": (), "packages": ("x",)}),
        ("pip install .", {"installs_project": True, "packages": (".",)}),
        ("pip install -e '.[all]'", {"installs_project": True, "packages": (".[all]",)}),
        ("pip install ./libs/a", {"installs_project": False}),
        ("pip install --group test", {"groups": ("test",), "development": True}),
        ("uv pip sync requirements.txt", {"requirement_files": ("requirements.txt",), "packages": ()}),
        ("python setup.py install", {"installs_project": True}),
        ("uv sync", {"whole_project": True, "development": True, "installs_project": True}),
        ("uv sync --frozen --no-dev --no-install-project", {"development": False, "installs_project": False}),
        ("UV_NO_DEV=1 uv sync", {"development": False}),
        ("env UV_NO_DEV=1 uv sync", {"development": False}),
        ("UV_NO_DEV=0 uv sync", {"development": True}),
        ("uv sync --no-group dev --group web", {"development": False, "groups": ("web",)}),
        ("uv sync --only-group worker", {"development": False, "groups": ("worker",), "installs_project": False}),
        ("uv sync --all-groups --no-dev", {"development": True}),
        ("uv --directory /app sync --no-default-groups", {"development": False}),
        ("uv run --no-dev gunicorn --group x app", {"whole_project": True, "development": False, "groups": ()}),
        ("uv add x", {"whole_project": True, "packages": ("x",)}),
        ("poetry install", {"whole_project": True, "development": True, "installs_project": True}),
        ("poetry install --only main --no-root", {"groups": ("main",), "installs_project": False}),
        ("poetry install --without dev,docs", {"development": False}),
        ("poetry install --no-dev", {"development": False}),
        ("poetry sync --with=web", {"development": True, "groups": ("web",)}),
        ("python -m poetry install", {"manager": "poetry"}),
        ("pdm install --prod --no-editable", {"development": False}),
        ("pdm sync -G web", {"development": True, "groups": ("web",)}),
        ("pipenv install --system --deploy", {"whole_project": True, "development": False}),
        ("pipenv sync --dev", {"development": True}),
        ("conda env create -f environment.yml", {"whole_project": True, "requirement_files": ("environment.yml",)}),
        ("npm ci", {"whole_project": True, "development": True}),
        ("npm ci --omit=dev", {"development": False}),
        ("npm install --production", {"development": False}),
        ("yarn --frozen-lockfile", {"whole_project": True, "development": True}),
        ("yarn install --production", {"development": False}),
        ("pnpm i --prod", {"development": False}),
        ("apk add --virtual .build gcc", {"virtual": ".build"}),
        ("apt-get install -y x", {"options": frozenset({"-y"}), "virtual": None}),
    ],
)  # fmt: skip
def test_what_an_install_asks_for(text: str, expected: dict[str, Any]) -> None:
    found = install(text)

    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("text", "program", "recursive", "paths"),
    [
        ("chown -R app:app /app /data", "chown", True, ("/app", "/data")),
        ("chown app /app", "chown", False, ("/app",)),
        ("chown --recursive --from=0 1000 /x", "chown", True, ("/x",)),
        ("chmod -Rv 755 /x", "chmod", True, ("/x",)),
        ("chmod -R a-w,u+x /x", "chmod", True, ("/x",)),
        ("chmod -x file", "chmod", False, ("file",)),
        ("chmod +x /start.sh", "chmod", False, ("/start.sh",)),
        ("chgrp -hR 0 /x", "chgrp", True, ("/x",)),
        ("chown --reference=/etc /x", "chown", False, ("/x",)),
        ("find /app -type d -exec chmod 755 {} +", "chmod", True, ("/app",)),
        ("find /a /b -exec chown app {} \\;", "chown", True, ("/a", "/b")),
        ("sudo chown -R $(id -u) /x", "chown", True, ("/x",)),
    ],
)
def test_changes_of_ownership(text: str, program: str, recursive: bool, paths: tuple[str, ...]) -> None:
    found = act(text)

    assert isinstance(found, ChangeOwner)
    assert (found.program, found.recursive, found.paths) == (program, recursive, paths)


@pytest.mark.parametrize(
    ("text", "sources", "destination"),
    [
        ("cp -a /src/. /app", ("/src/.",), "/app"),
        ("mv a b /x/", ("a", "b"), "/x/"),
        ("install -m 0755 -o root tool /usr/local/bin/tool", ("tool",), "/usr/local/bin/tool"),
        ("cp -t /x a b", ("a", "b"), "/x"),
        ("ln -sf /usr/bin/python3 /usr/bin/python", ("/usr/bin/python3",), "/usr/bin/python"),
        ("rsync -a --exclude .git a/ b/", ("a/",), "b/"),
    ],
)
def test_copies(text: str, sources: tuple[str, ...], destination: str) -> None:
    found = act(text)

    assert isinstance(found, CopyFiles)
    assert (found.sources, found.destination) == (sources, destination)


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("curl -fsSL https://x.example/a.tgz -o /tmp/a.tgz", ("https://x.example/a.tgz",)),
        ("wget -qO- http://x.example/i.sh | sh", ("http://x.example/i.sh",)),
        ("curl --url=https://x.example/a", ("https://x.example/a",)),
        ("git clone --depth 1 https://git.example/r.git", ("https://git.example/r.git",)),
        ('bash -c "$(curl -fsSL https://x.example/i.sh)"', ("https://x.example/i.sh",)),
        ("curl https://x.example/v$V", ("https://x.example/v2",)),
    ],
)  # fmt: skip
def test_downloads(text: str, urls: tuple[str, ...]) -> None:
    found = act(text, V="2")

    assert isinstance(found, Download)
    assert found.urls == urls


@pytest.mark.parametrize(
    ("text", "paths", "packages"),
    [
        ("rm -rf /var/lib/apt/lists/* /tmp/*", ("/var/lib/apt/lists/*", "/tmp/*"), ()),
        ("rm -f -- -odd", ("-odd",), ()),
        ("apt-get purge -y --auto-remove gcc make", (), ("gcc", "make")),
        ("apt-get autoremove -y", (), ()),
        ("apt-get clean", (), ()),
        ("apk del .build", (), (".build",)),
        ("dnf clean all", (), ()),
        ("pip uninstall -y wheel", (), ("wheel",)),
        ("pip cache purge", (), ()),
        ("uv cache clean", (), ()),
        ("conda clean -afy", (), ()),
        ("npm cache clean --force", (), ()),
        ("find / -name '*.pyc' -delete", ("/",), ()),
        ("find . -name x -exec rm -rf {} +", (".",), ()),
        ("dpkg --purge gcc", (), ("gcc",)),
    ],
)
def test_clean_ups(text: str, paths: tuple[str, ...], packages: tuple[str, ...]) -> None:
    found = act(text)

    assert isinstance(found, CleanUp)
    assert (found.paths, found.packages) == (paths, packages)


@pytest.mark.parametrize(
    "text",
    [
        "useradd -r -u 1000 -g app -d /home/app -s /sbin/nologin app",
        "adduser --system --uid 1000 --ingroup x --gecos '' --disabled-password app",
        "adduser -D -h /app -s /bin/sh app users",
        "groupadd app && useradd --create-home --shell /bin/bash app",
    ],
)
def test_users(text: str) -> None:
    found = act(text)

    assert isinstance(found, CreateUser)
    assert found.name == "app"


@pytest.mark.parametrize(
    "text",
    ["apt-get update", "pip --version", "pip freeze", "uv --version", "uv lock", "uv", "uv venv", "uv run --no-sync x",
     "uv run", "poetry config x y", "poetry", "npm run build", "yarn build", "curl --version", "git status",
     "python x.py", "python -m", "python -m venv /venv", "find / -name x", "install -d /x", "cp x", "env", "nice",
     "timeout 5", "chroot", "apt-get", "apk", "conda activate x", "dpkg -l", "useradd",
     "$CMD install x", "yarn --version", "pip", "xargs"],
)  # fmt: skip
def test_what_changes_nothing_is_nothing(text: str) -> None:
    assert act(text) is None
