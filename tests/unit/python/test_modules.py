import pytest

from careen.python.modules import Discovery, Literal, OpenImport, read_module


def test_imports_are_absolute_and_say_whether_they_may_fail() -> None:
    text = """
from __future__ import annotations
import a.b, c
from . import sibling
from ..other import thing
if TYPE_CHECKING:
    import typed
try:
    import fast
except ImportError:
    import slow
with suppress(ImportError):
    import maybe
def f():
    import late
"""

    reading = read_module(text, "pkg.sub.module", is_package=False)

    assert [(site.module, site.names, site.optional, site.typing_only) for site in reading.imports] == [
        ("__future__", ("annotations",), False, False),
        ("a.b", (), False, False),
        ("c", (), False, False),
        ("pkg.sub", ("sibling",), False, False),
        ("pkg.other", ("thing",), False, False),
        ("typed", (), False, True),
        ("fast", (), True, False),
        ("slow", (), True, False),
        ("maybe", (), True, False),
        ("late", (), False, False),
    ]


def test_a_package_is_its_own_parent() -> None:
    reading = read_module("from .tasks import x", "pkg", is_package=True)

    assert reading.imports[0].module == "pkg.tasks"


def test_strings_come_with_what_stands_around_them() -> None:
    text = """
'''docstring.is.no.name'''
app = Celery("shelf", include=["shelf.tasks"])
app.send_task("shelf.tasks.go")
CACHES = {"default": {"BACKEND": "django_redis.cache.RedisCache"}}
where = BASE / "templates"
"""

    reading = read_module(text, "m", is_package=False)

    assert Literal("shelf.tasks", 3, "Celery", "include", is_key=False) in reading.literals
    assert Literal("shelf.tasks.go", 4, "send_task", "", is_key=False) in reading.literals
    assert Literal("BACKEND", 5, "", "default", is_key=True) in reading.literals
    assert Literal("django_redis.cache.RedisCache", 5, "", "BACKEND", is_key=False) in reading.literals
    assert Literal("templates", 6, "/", "where", is_key=False) in reading.literals
    assert "docstring.is.no.name" not in [literal.text for literal in reading.literals]


def test_schemes_of_addresses_are_told_also_of_formatted_ones() -> None:
    reading = read_module('a = "redis://x"\nb = f"postgresql+asyncpg://{user}@db"\n', "m", is_package=False)

    assert reading.urls == (("redis", 1), ("postgresql+asyncpg", 2))


@pytest.mark.parametrize(
    ("call", "programs"),
    [
        ('subprocess.run(["alembic", "upgrade", "head"])', ["alembic"]),
        ('run([sys.executable, "-m", "celery", "inspect"])', ["celery"]),
        ('os.system("/usr/bin/ffmpeg -i x")', ["ffmpeg"]),
        ('await asyncio.create_subprocess_exec("gallery-dl", url)', ["gallery-dl"]),
        ('await asyncio.create_subprocess_exec(sys.executable, "-m", "yt_dlp")', ["yt_dlp"]),
        ("subprocess.run(command)", []),
    ],
)
def test_programs_that_are_started_are_named(call: str, programs: list[str]) -> None:
    assert [
        name for name, _ in read_module(f"async def f():\n    {call}\n", "m", is_package=False).programs
    ] == programs


@pytest.mark.parametrize(
    ("call", "imports", "opens"),
    [
        ('import_module("pkg.backend")', ["pkg.backend"], []),
        ('import_module(".backend", __package__)', ["here.backend"], []),
        ('import_module(f"pkg.backends.{name}")', [], [OpenImport("pkg.backends.", 1)]),
        ('import_module("pkg.%s" % name)', [], [OpenImport("pkg.", 1)]),
        ("import_module(name)", [], [OpenImport("", 1)]),
        ('import_string("pkg.auth:Backend")', ["pkg.auth"], []),
    ],
)
def test_imports_by_name_are_followed_as_far_as_they_are_written(
    call: str, imports: list[str], opens: list[OpenImport]
) -> None:
    reading = read_module(call, "here.module", is_package=False)

    assert [site.module for site in reading.imports] == imports
    assert list(reading.open_imports) == opens


def test_celerys_discovery_is_read() -> None:
    text = 'app.autodiscover_tasks(["a", "b"], related_name="jobs")\napp.autodiscover_tasks()\n'

    assert read_module(text, "m", is_package=False).discoveries == (
        Discovery(packages=("a", "b"), related="jobs", line=1),
        Discovery(packages=(), related="tasks", line=2),
    )


def test_packages_that_list_themselves_are_told() -> None:
    text = "pkgutil.walk_packages(shelf.jobs.__path__)\npkgutil.iter_modules([str(HERE)])\n"

    assert read_module(text, "m", is_package=False).walked == ("shelf.jobs", "")


@pytest.mark.parametrize("text", ["def f(:\n", "print 'x'\n", "\0", "x = " + "(" * 3000])
def test_what_is_not_python_is_told_with_its_line(text: str) -> None:
    reading = read_module(text, "m", is_package=False)

    assert reading.problem is not None
    assert not reading.imports


def test_the_syntax_of_a_newer_python_loses_no_import() -> None:
    text = """
type Pair[T] = tuple[T, T]
except ValueError, TypeError:
from .store import (  # a comment, with a comma
    Book as B,
    Shelf,
)
def f():
    import redis.asyncio as redis, httpx
URL = "postgresql+asyncpg://x"
"""

    reading = read_module(text, "shelf.api.main", is_package=False)

    assert [(site.module, site.names, site.optional) for site in reading.imports] == [
        ("shelf.api.store", ("Book", "Shelf"), False),
        ("redis.asyncio", (), True),
        ("httpx", (), True),
    ]
    assert reading.urls == (("postgresql+asyncpg", 10),)
    assert reading.problem is not None


def test_deep_nesting_that_python_itself_takes_is_walked() -> None:
    deep = (
        "x = " + "-" * 80 + "1\nimport a\n" + "".join(" " * n + "if x:\n" for n in range(90)) + " " * 90 + "import b\n"
    )

    assert [site.module for site in read_module(deep, "m", is_package=False).imports] == ["a", "b"]
