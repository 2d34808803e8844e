"""Folders that wait for their name, and those of developers' containers, are no services."""

from pathlib import Path

from careen.workspace.discover import discover_all

_DOCKERFILE = 'FROM python:3.12-slim\nCMD ["python", "-m", "shop"]\n'


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_what_lies_in_a_template_is_noted_and_not_read(tmp_path: Path) -> None:
    slug = "template/{{cookiecutter.project_name}}"
    _write(
        tmp_path,
        {
            "Dockerfile": _DOCKERFILE,
            f"{slug}/Dockerfile": "FROM {% if x %}python{% endif %}\n",
            f"{slug}/docker-compose.yml": "services:\n  web:\n    build: .\n",
        },
    )

    stacks = discover_all(tmp_path)

    assert [service.image and str(service.image.dockerfile_path) for stack in stacks for service in stack.services] == [
        "Dockerfile"
    ]
    assert not [item for stack in stacks for item in stack.unreadable]
    assert [note for stack in stacks for note in stack.notes] == [
        f"{slug}: a template's folder, which is not read before it is filled in"
    ]


def test_a_template_that_somebody_names_is_read(tmp_path: Path) -> None:
    slug = tmp_path / "{{cookiecutter.project_name}}"
    _write(slug, {"Dockerfile": _DOCKERFILE})

    (stack,) = discover_all(slug)

    assert [service.name for service in stack.services] != []


def test_the_containers_of_developers_stand_aside(tmp_path: Path) -> None:
    compose = "services:\n  web:\n    build: .\n"
    _write(
        tmp_path,
        {
            "Dockerfile": _DOCKERFILE,
            ".worktree-container/docker-compose.yml": compose,
            ".worktree-container/Dockerfile": _DOCKERFILE,
            "deploy/compose.prod.yaml": compose.replace("build: .", "build: .."),
        },
    )

    (stack,) = discover_all(tmp_path)

    assert stack.compose is not None
    assert [str(document.source.path) for document in stack.compose.documents] == ["deploy/compose.prod.yaml"]
