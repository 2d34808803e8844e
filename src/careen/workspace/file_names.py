"""What the names of a repository's files tell: Dockerfiles, compose files, templates, what stands aside."""

import re
from pathlib import PurePosixPath

from careen.compose.load import DEFAULT_NAMES, OVERRIDE_NAMES

COMPOSE_DEPTH = 4
_ASIDE = frozenset(
    {".devcontainer", "fixtures", "__tests__", ".github", ".ci", "site-packages", "third_party", "vendor"}
)
_DEVELOPMENT = frozenset(
    {"dev", "development", "devel", "test", "tests", "testing", "ci", "local", "debug", "e2e", "example", "override"}
    | {"template", "tmpl", "sample"}
)
_TESTS = re.compile(r"tests?(?![a-z])|testing$|unittests?$")
TEMPLATE = re.compile(r"\{%|\{\{")
_FOREIGN_SUFFIXES = (
    ".md .rst .txt .py .sh .go .rs .js .ts .map .json .toml .yml .yaml .rb .lua .vim .css .html .bak .orig .rej .swp "
    ".dockerignore .j2 .jinja .jinja2 .tmpl .template .tpl .in .erb .mustache .hbs .ejs .sbom .sarif"
)
_OTHER_SUFFIXES = frozenset(_FOREIGN_SUFFIXES.split())


def is_dockerfile_name(name: str) -> bool:
    """``Dockerfile``, ``Dockerfile.api``, ``api.Dockerfile``, ``Containerfile``; not a template or an ignore file."""
    name = name.lower()
    if "dockerfile" not in name and name != "containerfile":
        return False
    if PurePosixPath(name).suffix in _OTHER_SUFFIXES:
        return False
    return (
        name in {"dockerfile", "containerfile"}
        or name.startswith(("dockerfile.", "dockerfile-"))
        or name.endswith((".dockerfile", "-dockerfile"))
    )


def is_compose_name(name: str) -> bool:
    return name.endswith((".yml", ".yaml")) and "compose" in name


def is_in_template(path: PurePosixPath) -> bool:
    """Below a folder named ``{{cookiecutter.project_slug}}`` or the like."""
    return any(TEMPLATE.search(part) for part in path.parts[:-1])


def template_folder(path: PurePosixPath) -> PurePosixPath:
    """The outermost folder that waits for its name."""
    depth = next(index for index, part in enumerate(path.parts) if TEMPLATE.search(part))
    return PurePosixPath(*path.parts[: depth + 1])


def is_aside(path: PurePosixPath) -> bool:
    """Inside a folder for something else than what a project ships."""
    return any(
        part in _ASIDE or _TESTS.match(part) or (part.startswith(".") and "container" in part)
        for part in path.parts[:-1]
    )


def is_named_for_development(path: PurePosixPath) -> bool:
    words = set(path.name.replace("_", "-").replace(".", "-").split("-"))
    return not _DEVELOPMENT.isdisjoint(words)


def service_name(path: PurePosixPath) -> str:
    name = path.name
    for part in (
        name.removeprefix("Dockerfile").lstrip(".-"),
        name.removesuffix(".Dockerfile").removesuffix(".dockerfile"),
    ):
        if part and part.lower() not in {"dockerfile", "containerfile"}:
            return part
    return path.parent.name or "app"


def main_compose_files(listing: tuple[PurePosixPath, ...]) -> tuple[PurePosixPath, ...]:
    """The shallowest folder's compose file with its override; a file with another compose-like name failing that."""
    shallow = [path for path in listing if len(path.parts) <= COMPOSE_DEPTH and is_compose_name(path.name)]
    shallow = [path for path in shallow if not is_aside(path)] or shallow
    found = [path for path in shallow if path.name in DEFAULT_NAMES]
    if found:
        main = min(
            found, key=lambda path: (is_aside(path), len(path.parts), path.parent, DEFAULT_NAMES.index(path.name))
        )
        overrides = [path for path in shallow if path.parent == main.parent and path.name in OVERRIDE_NAMES]
        return (main, *overrides[:1])
    similar = [path for path in shallow if path.name not in OVERRIDE_NAMES]
    ordered = sorted(similar, key=lambda path: (is_aside(path), len(path.parts), is_named_for_development(path), path))
    return tuple(ordered[:1])
