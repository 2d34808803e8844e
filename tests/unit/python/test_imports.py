from collections.abc import Mapping
from pathlib import PurePosixPath

from careen.python.imports import Reach, Sources, SourceTree, Start, reach


def follow(files: Mapping[str, str], start: Start, roots: tuple[str, ...] = ("",)) -> Reach:
    tree = SourceTree(tuple(map(PurePosixPath, roots)), tuple(sorted(map(PurePosixPath, files))))
    return reach(Sources(tree, lambda path: files.get(str(path))), start)


def modules(files: Mapping[str, str], *entries: str, **more: object) -> list[str]:
    return sorted(follow(files, Start(modules=entries, **more)).modules)  # type: ignore[arg-type]


def test_a_module_runs_every_package_above_it() -> None:
    files = {"a/__init__.py": "", "a/b/__init__.py": "import x", "a/b/c.py": "", "a/d.py": ""}

    assert modules(files, "a.b.c") == ["a", "a.b", "a.b.c"]


def test_roots_are_folders_of_sys_path() -> None:
    files = {"src/shelf/__init__.py": "", "src/shelf/main.py": "import helper", "helper.py": ""}

    assert sorted(follow(files, Start(modules=["shelf.main"]), ("src", "")).modules) == [
        "helper",
        "shelf",
        "shelf.main",
    ]


def test_a_name_taken_from_a_package_may_be_a_module() -> None:
    assert modules({"a/__init__.py": "", "a/b.py": "", "m.py": "from a import b, thing"}, "m") == ["a", "a.b", "m"]


def test_namespace_packages_are_first_party_too() -> None:
    assert modules({"m.py": "import a.b.c", "a/b/c.py": "import json"}, "m") == ["a.b.c", "m"]


def test_a_folder_without_init_gives_way_to_a_distribution_of_its_name() -> None:
    files = {"m.py": "from alembic import command\nfrom jobs import mail", "alembic/env.py": "", "jobs/mail.py": ""}

    found = follow(files, Start(modules=["m"]))

    assert [item.module for item in found.external] == ["alembic", "alembic.command"]
    assert sorted(found.modules) == ["jobs.mail", "m"]


def test_scripts_of_one_name_are_each_followed() -> None:
    files = {"orders/alembic/env.py": "import one", "stock/alembic/env.py": "import two", "env.py": "import three"}
    scripts = [PurePosixPath(path) for path in files if "/" in path]

    found = follow(files, Start(scripts=scripts, mentions=["env.py"]), ("src",))

    assert {item.module for item in found.external} == {"one", "two", "three"}
    assert set(found.modules.values()) == set(map(PurePosixPath, files))


def test_external_names_keep_their_firmest_import() -> None:
    files = {"m.py": "try:\n    import fast\nexcept ImportError:\n    pass\nimport n", "n.py": "import fast"}

    (found,) = [item for item in follow(files, Start(modules=["m"])).external if item.module == "fast"]

    assert (str(found.place), found.optional) == ("n.py:1", False)


def test_celery_loads_what_include_and_discovery_name_but_not_what_messages_do() -> None:
    files = {
        "shelf/__init__.py": "",
        "shelf/app.py": 'app = Celery("s", include=["shelf.jobs"])\napp.autodiscover_tasks(["shelf.mail"], related_name="work")',  # noqa: E501
        "shelf/jobs.py": 'app.send_task("shelf.ocr.read")\nsignature("shelf.ocr")',
        "shelf/ocr.py": "import cv2",
        "shelf/mail/__init__.py": "",
        "shelf/mail/work.py": "",
    }

    assert modules(files, "shelf.app") == ["shelf", "shelf.app", "shelf.jobs", "shelf.mail", "shelf.mail.work"]


def test_discovery_without_packages_looks_into_all_that_is_reached() -> None:
    files = {
        "proj/__init__.py": "from .celery import app",
        "proj/celery.py": "app.autodiscover_tasks()\nimport shop",
        "shop/__init__.py": "",
        "shop/tasks/__init__.py": "",
        "shop/tasks/mail.py": "",
        "other/__init__.py": "",
        "other/tasks.py": "",
    }

    assert modules(files, "proj.celery") == ["proj", "proj.celery", "shop", "shop.tasks", "shop.tasks.mail"]


def test_django_settings_load_applications_with_all_their_parts() -> None:
    files = {
        "manage.py": 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")',
        "config/__init__.py": "",
        "config/settings/__init__.py": "",
        "config/settings/base.py": (
            'INSTALLED_APPS = ["django.contrib.admin", "rest_framework", "shop", "mail.apps.MailConfig"]\n'
            'MIDDLEWARE = ["shop.middleware.Basket"]\n'
            'TEMPLATES = [{"OPTIONS": {"context_processors": ["mail.context.unread"]}}]\n'
            'ROOT_URLCONF = "config.urls"\n'
        ),
        "config/settings/production.py": "from .base import *",
        "config/settings/local.py": "import debug_toolbar",
        "config/urls.py": 'urlpatterns = [path("", include("shop.urls"))]',
        "shop/__init__.py": "",
        "shop/models.py": "",
        "shop/middleware.py": "",
        "shop/urls.py": "from . import views",
        "shop/views.py": "",
        "shop/unused.py": "",
        "shop/migrations/__init__.py": "",
        "shop/migrations/0001_first.py": "",
        "shop/management/commands/remind.py": "",
        "shop/templatetags/prices.py": "",
        "mail/__init__.py": "",
        "mail/apps.py": "",
        "mail/context.py": "",
    }

    found = follow(files, Start(scripts=[PurePosixPath("manage.py")]))

    reached = set(map(str, found.modules.values()))
    assert reached == {*files} - {"config/settings/local.py", "shop/unused.py"}
    assert {mention.text for mention in found.mentions} >= {"django.contrib.admin", "rest_framework"}


def test_modules_named_by_the_environment_and_the_command_are_followed() -> None:
    files = {"conf/__init__.py": "", "conf/live.py": "import storages", "jobs.py": "", "tool.py": "", "no.py": ""}
    start = Start(
        mentions=["jobs:broker", "tool.py", "absent.module"],
        environment={"SETTINGS": "conf.live", "CACHE_URL": "rediss://cache:6379", "HOST": "no.example"},
    )

    found = follow(files, start)

    assert sorted(map(str, found.modules.values())) == ["conf/__init__.py", "conf/live.py", "jobs.py", "tool.py"]
    assert {scheme: str(origin) for scheme, origin in found.schemes.items()} == {"rediss": "the variable CACHE_URL"}


def test_packages_that_list_themselves_are_entered_whole() -> None:
    files = {
        "plug/__init__.py": "for m in pkgutil.iter_modules(__path__):\n    importlib.import_module(f'plug.{m.name}')",
        "plug/a.py": "",
        "plug/b.py": "",
        "load.py": "import_module(f'{__package__}.{name}')",
    }

    assert modules(files, "plug") == ["plug", "plug.a", "plug.b"]


def test_names_made_at_run_time_keep_their_fixed_start() -> None:
    files = {"m.py": 'import_module(f"storages.backends.{kind}")'}

    assert {name: str(place) for name, place in follow(files, Start(modules=["m"])).open_prefixes.items()} == {
        "storages.backends": "m.py:1"
    }


def test_a_syntax_error_costs_one_module_and_is_told() -> None:
    files = {"m.py": "import n\nimport a", "n.py": "def f(:\n", "a.py": "import b"}

    found = follow(files, Start(modules=["m"]))

    assert [item.module for item in found.external] == ["b"]
    assert found.notes == ("n.py:1: invalid syntax; its imports are read by their lines alone",)


def test_an_entry_that_is_not_there_is_told_and_one_from_outside_is_external() -> None:
    found = follow({"shelf/__init__.py": ""}, Start(modules=["shelf.absent.deep", "http.server"]))

    assert found.notes == ("the entry module shelf.absent.deep is not in the project",)
    assert [item.module for item in found.external] == ["http.server"]


def test_modules_that_import_each_other_end() -> None:
    assert modules({"a.py": "import b", "b.py": "import a"}, "a") == ["a", "b"]


def test_each_file_is_parsed_once_for_all_services() -> None:
    asked: list[str] = []
    files = {"a.py": "import c", "b.py": "import c", "c.py": ""}

    def read(path: PurePosixPath) -> str:
        asked.append(str(path))
        return files[str(path)]

    sources = Sources(SourceTree((PurePosixPath(),), tuple(map(PurePosixPath, files))), read)
    reach(sources, Start(modules=["a"]))
    reach(sources, Start(modules=["b"]))

    assert asked == ["a.py", "c.py", "b.py"]


def test_settings_that_only_an_env_file_names_are_those_that_manage_py_falls_back_on() -> None:
    files = {
        "manage.py": 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conf.settings.local")',
        "conf/__init__.py": "",
        "conf/settings/__init__.py": "",
        "conf/settings/base.py": 'INSTALLED_APPS = ["books"]',
        "conf/settings/local.py": "from .base import *",
        "conf/settings/production.py": "import storages",
        "conf/app.py": 'from celery import Celery\napp = Celery()\napp.config_from_object("django.conf:settings")',
        "books/__init__.py": "",
        "books/models.py": "import money",
    }
    found = follow(files, Start(modules=["conf.app"]))
    assert {"conf.settings.local", "conf.settings.production", "books.models"} <= set(found.modules)
    assert {"storages", "money"} <= {item.module for item in found.external}

    named = follow(files, Start(modules=["conf.app"], environment={"DJANGO_SETTINGS_MODULE": "conf.settings.local"}))
    assert "conf.settings.production" not in named.modules

    files["conf/app.py"] = "import celery"
    assert sorted(follow(files, Start(modules=["conf.app"])).modules) == ["conf", "conf.app"]


def test_services_that_start_alike_are_followed_once_and_others_for_themselves() -> None:
    files = {"a.py": "import one\n", "b.py": "import two\n"}
    sources = Sources(SourceTree((PurePosixPath(),), tuple(map(PurePosixPath, files))), lambda path: files[str(path)])
    first = reach(sources, Start(modules=["a"], environment={"BROKER": "redis://"}))

    assert reach(sources, Start(modules=("a",), environment={"BROKER": "redis://"})) is first
    assert list(reach(sources, Start(modules=["a"])).schemes) == []
    assert [found.module for found in reach(sources, Start(modules=["b"])).external] == ["two"]
