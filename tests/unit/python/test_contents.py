from pathlib import Path

import pytest

from careen.python.contents import ImportIndex, import_names, installation_bytes, native_files, parse_entry_points
from careen.python.installing import Scheme, installed_files
from careen.python.names import PackageName
from careen.python.trimming import TrimmingPolicy
from careen.python.wheel_archive import WheelArchive
from fakes.locks import contents
from fakes.stacks import RUNTIME
from fakes.wheels import write_wheel


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["yaml/__init__.py", "yaml/nodes.py", "_yaml/__init__.py"], ("_yaml", "yaml")),
        (["google/cloud/storage/__init__.py", "google/cloud/storage/blob.py"], ("google.cloud.storage",)),
        (["google/rpc/code_pb2.py"], ("google.rpc.code_pb2",)),
        (["six.py"], ("six",)),
        (["_cffi_backend.cpython-311-x86_64-linux-gnu.so"], ("_cffi_backend",)),
        (["uvloop/loop.abi3.so", "uvloop/__init__.py"], ("uvloop",)),
        (["a-1.0.data/purelib/a/__init__.py", "a-1.0.data/scripts/run.py", "a-1.0.dist-info/x.py"], ("a",)),
        (["numpy.libs/libopenblas.so", "not-a-name/__init__.py"], ()),
    ],
)
def test_import_names_are_told_by_contents(paths: list[str], names: tuple[str, ...]) -> None:
    assert import_names(paths) == names


def test_native_files_are_told_by_name() -> None:
    paths = ["a/x.so", "a.libs/libz-1.so.1", "a/x.py", "a/some.sock"]

    assert native_files(paths) == ("a/x.so", "a.libs/libz-1.so.1")


def test_entry_points_are_read_with_comments_and_extras() -> None:
    text = "# x\n[console_scripts]\ncelery = celery.__main__:main [redis]\n\n[celery.commands]\n; y\nflower=flower.command:flower\n"  # noqa: E501

    assert parse_entry_points(text) == {
        "console_scripts": (("celery", "celery.__main__:main"),),
        "celery.commands": (("flower", "flower.command:flower"),),
    }


def test_the_longest_known_prefix_provides_and_a_namespace_alone_does_not() -> None:
    storage, pubsub = PackageName("google-cloud-storage"), PackageName("google-cloud-pubsub")
    index = ImportIndex({storage: contents("google.cloud.storage"), pubsub: contents("google.cloud.pubsub")})

    assert index.exact("google.cloud.storage.blob") == (storage,)
    assert index.exact("google.cloud") == ()
    assert index.below("google.cloud") == (storage, pubsub)


def test_the_weight_is_exactly_that_of_what_is_installed(tmp_path: Path) -> None:
    """Both as a whole and trimmed, for a wheel with scripts, data, headers and a test suite."""
    wheel = write_wheel(
        tmp_path,
        "thing",
        {
            "thing/__init__.py": b"x = 1\n" * 50,
            "thing/fast.pyi": b"x: int\n",
            "thing/tests/test_x.py": b"assert 1\n" * 9,
            "thing/include/thing.h": b"int x;\n",
            "thing-1.0.data/scripts/go": b"#!/bin/sh\nexit 0\n",
            "thing-1.0.data/data/share/man/man1/thing.1": b"man\n",
            "thing-1.0.data/data/etc/thing.conf": b"a=b\n",
        },
        console_scripts=["thing = thing.cli:main", "thing-more = thing.more:App.run"],
    )
    scheme = Scheme(
        site_packages=RUNTIME.site_packages,
        scripts=RUNTIME.scripts,
        data=RUNTIME.scripts.parent,
        headers=RUNTIME.scripts.parent / "include",
        executable=RUNTIME.executable,
    )
    with WheelArchive(wheel) as archive:
        files = [(entry.path, entry.size) for entry in archive.directory.files()]
        scripts = (("thing", "thing.cli:main"), ("thing-more", "thing.more:App.run"))
        whole = sum(file.size for file in installed_files(archive, scheme, TrimmingPolicy.NONE))
        kept = sum(file.size for file in installed_files(archive, scheme, TrimmingPolicy.SAFE))

    predicted_whole, predicted_kept = installation_bytes(files, scripts)

    assert predicted_kept == pytest.approx(kept, abs=40)
    assert predicted_whole == pytest.approx(whole, abs=40)
    assert predicted_kept < predicted_whole
