from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from careen.plan.entry_points import EntryPoint, interpret
from careen.plan.lock_view import LockView
from careen.plan.partition import Overrides, Partition, partition
from careen.plan.target import Certainty
from careen.python.contents import DistributionContents
from careen.python.imports import Reach, Sources, SourceTree, Start, reach
from careen.python.names import PythonVersion
from fakes.locks import contents, environment, package, project, view


def reached(files: Mapping[str, str], entry: EntryPoint, environment: Mapping[str, str] | None = None) -> Reach:
    tree = SourceTree((PurePosixPath(),), tuple(map(PurePosixPath, files)))
    start = Start(modules=entry.modules, scripts=entry.scripts, mentions=entry.mentions, environment=environment or {})
    return reach(Sources(tree, lambda path: files.get(str(path))), start)


def split(
    locked: LockView, source: str, command: str = "python -m m", environment: Mapping[str, str] | None = None
) -> Partition:
    entry = interpret(command.split(), {})
    return partition(locked, [entry], reached({"m.py": source}, entry, environment))


def kept(found: Partition) -> dict[str, Certainty]:
    return {item.package.name: item.certainty for item in found.kept}


def lock_of(*names: str, extra: str = "", requires: tuple[str, ...] | None = None) -> str:
    return project(requires=names if requires is None else requires) + extra + "".join(map(package, names))


def test_what_is_imported_is_kept_with_what_it_requires_and_the_rest_goes() -> None:
    locked = view(
        project(requires=["pillow", "boto3"])
        + package("pillow", requires=["olefile"])
        + package("olefile")
        + package("boto3"),
        {"pillow": contents("PIL")},
    )

    found = split(locked, "import os\nfrom PIL import Image\n")

    assert kept(found) == {"olefile": Certainty.NEEDED, "pillow": Certainty.NEEDED}
    assert {item.package.name: item.reasons for item in found.kept} == {
        "olefile": ("required by pillow",),
        "pillow": ("imported in m.py:2",),
    }
    assert found.unknown == ()


def test_an_import_that_may_fail_and_a_name_with_two_providers_are_possible() -> None:
    locked = view(lock_of("ujson", "attrs", "attr"), {"attrs": contents("attr", "attrs"), "attr": contents("attr")})

    found = split(locked, "try:\n    import ujson\nexcept ImportError:\n    pass\nimport attr\n")

    assert kept(found) == {
        "attr": Certainty.POSSIBLE,
        "attrs": Certainty.POSSIBLE,
        "ujson": Certainty.POSSIBLE,
    }


def test_what_only_a_type_checker_imports_is_not_needed() -> None:
    assert kept(split(view(lock_of("mypy-boto3"), {}), "if TYPE_CHECKING:\n    import mypy_boto3\n")) == {}


def test_a_namespace_keeps_what_is_imported_from_it_or_all_of_it() -> None:
    holds = {
        "google-cloud-storage": contents("google.cloud.storage"),
        "google-cloud-pubsub": contents("google.cloud.pubsub"),
    }
    locked = view(lock_of(*holds), holds)

    assert set(kept(split(locked, "from google.cloud import storage"))) == {"google-cloud-storage"}
    assert kept(split(locked, "import google.cloud")) == dict.fromkeys(sorted(holds), Certainty.POSSIBLE)


def test_extras_that_the_project_asks_for_come_along() -> None:
    extra = '[package.optional-dependencies]\nredis = [{ name = "redis" }]\n'
    locked = view(
        project(requires=['{ name = "celery", extra = ["redis"] }']) + package("celery", more=extra) + package("redis"),
        {},
    )

    found = split(locked, "import celery")

    assert set(kept(found)) == {"celery", "redis"}
    assert "celery[redis] asked for in pyproject.toml" in found.kept[0].reasons


@pytest.mark.parametrize(
    ("source", "environment", "names"),
    [
        ('URL = "postgresql+asyncpg://db/x"', {}, {"asyncpg", "greenlet"}),
        ('PostgresDsn.build(scheme="postgresql+psycopg")', {}, {"psycopg", "psycopg-binary"}),
        ("x = 1", {"BROKER_URL": "redis://broker/0"}, {"redis"}),
        ('app = Celery(backend="db+postgresql://x")', {}, {"sqlalchemy", "psycopg", "psycopg-binary", "greenlet"}),
        ('task_serializer = "msgpack"', {}, {"msgpack"}),
        ('MIDDLEWARE = ["whitenoise.middleware.WhiteNoiseMiddleware"]', {}, {"whitenoise"}),
        ('INSTALLED_APPS = ["rest_framework"]', {}, {"djangorestframework"}),
        (
            'DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql"}}',
            {},
            {"django", "psycopg", "psycopg-binary"},
        ),
        ('STORAGES = {"default": {"BACKEND": "storages.backends.s3.S3Storage"}}', {}, {"django-storages", "boto3"}),
        (
            'CACHES = {"default": {"BACKEND": "django_redis.cache.RedisCache"}}',
            {},
            {"django-redis", "redis", "msgpack"},
        ),
        ('subprocess.run(["gallery-dl", url])', {}, {"gallery"}),
        ('subprocess.run([sys.executable, "-m", "whitenoise"])', {}, {"whitenoise"}),
        ('import_module(f"storages.backends.{name}")', {}, {"django-storages", "boto3"}),
        ('logging.getLogger("sqlalchemy.engine")', {}, set()),
        ('LOGGING = {"loggers": {"sqlalchemy.engine": {"level": "INFO"}}}', {}, set()),
        ('x = "redis"', {}, set()),
    ],
)
def test_what_no_import_says_is_found(source: str, environment: dict[str, str], names: set[str]) -> None:
    holds: dict[str, DistributionContents] = {
        "djangorestframework": contents("rest_framework"),
        "django-storages": contents("storages"),
        "gallery": contents("gallery", scripts=["gallery-dl = gallery:main"]),
        "psycopg-binary": contents("psycopg_binary"),
    }
    others = (
        "asyncpg",
        "greenlet",
        "psycopg",
        "redis",
        "sqlalchemy",
        "msgpack",
        "whitenoise",
        "django",
        "boto3",
        "django-redis",
    )
    locked = view(lock_of(*holds, *others, requires=(*holds, *others)), holds)

    found = split(locked, source, environment=environment)

    assert set(kept(found)) == {*names}
    assert all(item.reasons and item.reasons[0] for item in found.kept)


def test_the_optional_half_of_a_server_is_kept_when_the_project_declares_it() -> None:
    text = lock_of("uvicorn", "uvloop", "httptools", requires=("uvicorn", "uvloop"))

    found = split(view(text, {}), "", "uvicorn m:app")

    assert kept(found) == {"uvicorn": Certainty.NEEDED, "uvloop": Certainty.POSSIBLE}
    assert found.kept[1].reasons == ("uvicorn chooses it when it is installed",)


def test_a_plug_in_is_kept_by_its_entry_point_but_a_command_only_by_those_who_give_it() -> None:
    holds = {
        "flower": contents("flower", plugins=["celery.commands: flower = flower.command:flower"]),
        "logfire": contents("logfire", plugins=["pydantic: logfire = logfire.plugin:it"]),
    }
    locked = view(lock_of("celery", "pydantic", *holds), holds)

    worker = split(locked, "import celery, pydantic", "celery -A m worker")
    flower = split(locked, "import celery", "celery -A m flower")

    assert set(kept(worker)) == {"celery", "pydantic", "logfire"}
    assert set(kept(flower)) == {"celery", "flower"}


def test_the_users_words_decide() -> None:
    locked = view(lock_of("a", "b"), {})
    entry = interpret(["python", "-m", "m"], {})

    found = partition(locked, [entry], reached({"m.py": "import a"}, entry), Overrides(include=("B",), exclude=("a",)))

    assert {item.package.name: item.reasons for item in found.kept} == {"b": ("included in the configuration",)}


def test_an_import_that_nothing_provides_is_told_with_its_place() -> None:
    found = split(view(lock_of("a"), {}), "import a\nimport mystery.part\nimport json\n")

    assert found.unknown == ("mystery, imported in m.py:2",)


def test_a_name_that_nothing_known_brings_keeps_the_declared_ones_whose_files_nobody_could_read() -> None:
    locked = view(
        lock_of("shelf-tools", "other", "known"), {"known": contents("known")}, unread=("shelf-tools", "other")
    )

    found = split(locked, "import shelf_tools\nimport stranger\n")

    assert kept(found) == {"other": Certainty.POSSIBLE, "shelf-tools": Certainty.NEEDED}
    assert found.unknown == ("stranger, imported in m.py:2",)


def test_a_build_may_make_the_module_that_sources_have_not() -> None:
    """Of sources that were only read, as those of git are; a wheel holds what it holds."""
    sources = replace(contents("made_elsewhere"), is_estimate=True)

    def found(held: DistributionContents) -> Partition:
        return split(view(lock_of("shelf-tools"), {"shelf-tools": held}), "import shelf_tools\n")

    assert kept(found(sources)) == {"shelf-tools": Certainty.NEEDED}
    assert kept(found(contents("made_elsewhere"))) == {}


def test_a_worker_class_brings_its_companions_and_may_be_the_project_s_own() -> None:
    held = {"gunicorn": contents("gunicorn"), "uvicorn": contents("uvicorn"), "uvloop": contents("uvloop")}
    locked = view(lock_of(*held), held)

    command = "gunicorn -k uvicorn.workers.UvicornWorker m:app"
    assert set(kept(split(locked, "app = None", command))) == {"gunicorn", "uvicorn", "uvloop"}
    own = split(locked, "app = None", "gunicorn -k m.Worker m:app")
    assert set(kept(own)) == {"gunicorn"}
    assert own.unknown == ()


@pytest.mark.parametrize(("minor", "names"), [(11, set()), (13, {"setuptools"})])
def test_distutils_comes_from_setuptools_once_the_standard_library_has_lost_it(minor: int, names: set[str]) -> None:
    on = replace(environment(), python=PythonVersion(minor))
    locked = view(lock_of("setuptools"), {}, on)

    found = split(locked, "from distutils.util import strtobool\n")

    assert set(kept(found)) == names
    assert found.unknown == ()


def test_a_module_that_left_the_standard_library_and_that_nothing_brings_is_unknown() -> None:
    on = replace(environment(), python=PythonVersion(13))

    assert split(view(lock_of("click"), {}, on), "import distutils.core\n").unknown == (
        "distutils, imported in m.py:1",
    )


@pytest.mark.parametrize(
    "overrides",
    [
        """overrides = [{ name = "opencv-python", marker = "sys_platform == 'never'" }]""",
        """excludes = ["opencv-python"]""",
    ],
)
def test_what_the_project_declares_in_place_of_what_it_leaves_out_stays_where_that_was_required(overrides: str) -> None:
    ocr = replace(contents("rapidocr_onnxruntime"), requires=("numpy", "opencv_python>=4.5"))
    locked = view(
        f"[manifest]\n{overrides}\n"
        + project(requires=["rapidocr-onnxruntime", "opencv-python-headless", "boto3"])
        + "".join(map(package, ("rapidocr-onnxruntime", "opencv-python-headless", "boto3"))),
        {"rapidocr-onnxruntime": ocr, "opencv-python-headless": contents("cv2")},
    )

    found = split(locked, "import rapidocr_onnxruntime")

    assert kept(found) == {
        "opencv-python-headless": Certainty.POSSIBLE,
        "rapidocr-onnxruntime": Certainty.NEEDED,
    }
    assert found.kept[0].reasons[0].startswith("stands in for opencv-python, which rapidocr-onnxruntime requires")
    assert kept(split(locked, "import boto3")) == {"boto3": Certainty.NEEDED}


def test_an_override_of_a_version_alone_brings_nothing_more() -> None:
    locked = view(
        '[manifest]\noverrides = [{ name = "protobuf", specifier = ">=5" }]\n'
        + project(requires=["grpcio", "protobuf-tools"])
        + package("grpcio", requires=["protobuf"])
        + package("protobuf")
        + package("protobuf-tools"),
        {"grpcio": replace(contents("grpc"), requires=("protobuf",))},
    )

    assert set(kept(split(locked, "import grpc"))) == {"grpcio", "protobuf"}


def test_what_has_no_module_stays_for_the_extras_that_it_asks_of_what_is_imported() -> None:
    extra = '[package.optional-dependencies]\nserver = [{ name = "uncalled-for" }]\n'
    locked = view(
        project(requires=["fastmcp", "jupyter", "boto3"])
        + package("fastmcp", requires=['{ name = "fastmcp-slim", extra = ["server"] }'])
        + package("fastmcp-slim", more=extra)
        + package("jupyter", requires=["ipython", "requests"])
        + "".join(map(package, ("uncalled-for", "ipython", "requests", "boto3"))),
        {"fastmcp": contents(), "fastmcp-slim": contents("fastmcp"), "jupyter": contents()},
    )

    found = split(locked, "import fastmcp, requests")

    assert kept(found) == {
        "fastmcp": Certainty.POSSIBLE,
        "fastmcp-slim": Certainty.NEEDED,
        "requests": Certainty.NEEDED,
        "uncalled-for": Certainty.POSSIBLE,
    }
