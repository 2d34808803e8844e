"""What several files make together is told of where it is written."""

from pathlib import PurePosixPath

from careen.compose.load import load_project
from careen.text.source import Source

FILES = {
    PurePosixPath("compose.yaml"): "services:\n  api:\n    build: .\n    volumes:\n      - ./src:/app/src\n",
    PurePosixPath("compose.override.yaml"): "services:\n  api:\n    command: uvicorn api:app\n    privileged: true\n",
}


def test_places_name_the_file_that_says_it() -> None:
    project = load_project(list(FILES), lambda path: Source(path, FILES[path]), variables={}, folder_name="shop")

    api = project.service("api")
    assert api is not None
    assert api.build is not None
    assert api.command is not None
    assert api.privileged is not None
    places = [api.build.place, api.mounts[0].place, api.command.place, api.privileged]
    assert [(str(place.path), place.line) for place in places] == [
        ("compose.yaml", 3),
        ("compose.yaml", 5),
        ("compose.override.yaml", 3),
        ("compose.override.yaml", 4),
    ]
