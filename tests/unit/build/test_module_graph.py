import ast
import json
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from careen.build.module_graph import Imports, Module, ModuleSet, Starts, find_imports, module_name, reached_modules


def found(source: str, module: str = "pkg.mod", *, is_package: bool = False) -> Imports:
    return find_imports(source, module, is_package=is_package)


@pytest.mark.parametrize(
    ("source", "eager"),
    [
        ("import a, b.c as d", {"a", "b.c"}),
        ("from a.b import c, d as e", {"a.b", "a.b.c", "a.b.d"}),
        ("from a import (  # a (comment)\n    b,\n    c,  # )\n)\n", {"a", "a.b", "a.c"}),
        ("from a import b, \\\n    c\n", {"a", "a.b", "a.c"}),
        ("from . import sibling", {"pkg", "pkg.sibling"}),
        ("from .sub import x", {"pkg.sub", "pkg.sub.x"}),
        ("from ..too.far import x", set()),
        ("from a import *", {"a"}),
        ("try:\n    import fast\nexcept ImportError:\n    import slow\n", {"fast", "slow"}),
        ("if True: import a\n", {"a"}),
        ("import a; import b\n", {"a", "b"}),
        ("x = 1; from a import b\n", {"a", "a.b"}),
        ("# import a\n", set()),
        ("text = 'you may import a'\n", set()),
        ("important = 1\n", set()),
        ("if TYPE_CHECKING:\n    import a\n\n    from b import c\nimport d\n", {"d"}),
        ("if typing.TYPE_CHECKING:\n    import a\nelse:\n    import b\n", {"b"}),
        ("import a\nif __name__ == '__main__':\n    import doctest\n", {"a"}),
        ("if not TYPE_CHECKING:\n    import a\n", {"a"}),
    ],
)
def test_imports_of_a_module_are_found(source: str, eager: set[str]) -> None:
    assert set(found(source).eager) == eager
    assert found(source).lazy == ()


def test_a_list_that_never_closes_is_searched_once() -> None:
    """Forty comments of it, in which each sign could be tried as part of the comment or beside it: a program that
    tries them all uses up the processor time that it is given here, and is ended.
    """
    source = "from a import (\n" + "#     and_a_name_that_is_long, another,\n" * 40
    program = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (20, 20))\n"
        "from careen.build.module_graph import find_imports\n"
        "print(find_imports(sys.stdin.read(), 'pkg.mod', is_package=False).eager)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], input=source, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "('a',)\n"), done.stderr


def test_what_functions_and_classes_import_is_told_apart() -> None:
    source = (
        "import a\ndef f():\n    import b\nclass C:\n    def g(self):\n        from c import d\nif a:\n    import e\n"
    )
    imports = found(source)
    assert set(imports.eager) == {"a", "e"}
    assert set(imports.lazy) == {"b", "c", "c.d"}


def test_definitions_inside_conditions_defer_their_imports() -> None:
    source = (
        "if x:\n    import a\nelse:\n    import b\n    def __getattr__(name):\n        if name:\n            import c\n"
    )
    assert set(found(source).eager) == {"a", "b"}
    assert found(source).lazy == ("c",)


def test_text_that_may_name_modules_is_found() -> None:
    source = "load('uvicorn.loops.auto:factory')\nx = {\"a.b\": 1, 'plain': 2, 'Not a.name here': 3}\ny = '.sub.mod'\n"
    assert set(found(source).texts) == {"uvicorn.loops.auto", "a.b", "pkg.sub.mod"}


def test_names_of_modules() -> None:
    assert module_name("a/b.py") == ("a.b", False)
    assert module_name("a/__init__.py") == ("a", True)
    assert module_name("a-b/c.py") is None
    assert module_name("a/b.so") is None
    assert module_name("__init__.py") is None


def parsed_imports(tree: ast.AST, package: str) -> Iterator[str]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if not (isinstance(node, ast.If) and "__main__" in ast.unparse(node.test)):
            waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            origin = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            origin = ".".join(part for part in (origin, node.module) if part)
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names if alias.name != "*")


def test_nothing_that_a_parser_finds_in_the_standard_library_is_missed() -> None:
    library = Path(sysconfig.get_path("stdlib"))
    for package in ("asyncio", "concurrent", "email", "importlib", "json", "logging", "multiprocessing", "xml"):
        for path in (library / package).rglob("*.py"):
            named = module_name(str(path.relative_to(library)))
            assert named is not None
            text = path.read_text(encoding="utf-8")
            expected = set(parsed_imports(ast.parse(text), named[0] if named[1] else named[0].rpartition(".")[0]))
            imports = find_imports(text, named[0], is_package=named[1])
            assert expected <= {*imports.eager, *imports.lazy}, path


def modules(**sources: str) -> ModuleSet:
    known = {}
    for path, source in sources.items():
        name = path.replace("__", ".")
        known[name] = Module(f"{name.replace('.', '/')}.py", len(source), find_imports(source, name, is_package=False))
    return ModuleSet(known, ())


def test_reaching_follows_imports_across_distributions_and_enters_every_package_on_the_way() -> None:
    sets = {
        "one": modules(one="", one__a="from two.b import c", one__lazy="import one.a", one__unused="import two.d"),
        "two": modules(two="", two__b="", two__b__c="", two__d=""),
    }
    assert reached_modules(sets, Starts(("one.a",), (), frozenset()), library="std") == {
        "one": {"one.py", "one/a.py"},
        "two": {"two.py", "two/b.py", "two/b/c.py"},
    }


def test_reaching_takes_texts_and_plugins_that_are_modules() -> None:
    sets = {
        "one": modules(one="load('one.named:thing', 'one.absent')", one__named="", one__plugin="", one__other=""),
    }
    sets["one"] = ModuleSet(sets["one"].modules, ("one.plugin",))
    found = reached_modules(sets, Starts(("one",), ("one.other", "not.there"), frozenset()), library="std")
    assert found == {"one": {"one.py", "one/named.py", "one/plugin.py", "one/other.py"}}


def test_text_about_the_standard_library_and_in_it_does_not_count() -> None:
    sets = {"one": modules(one="moved('std.old')"), "std": modules(std__old="names('one.more')", one__more="")}
    assert reached_modules(sets, Starts(("one",), (), frozenset()), library="std") == {
        "one": {"one.py"},
        "std": frozenset(),
    }


def test_of_a_table_of_alternatives_only_those_count_that_the_stack_speaks_of() -> None:
    names = ("redis", "sqs", "amqp", "memory", "zookeeper", "consul", "etcd")
    table = json.dumps({name: f"t.transport.{name}:Transport" for name in names})
    sources = {"t": f"ALIASES = {table}", "t__transport": "", **{f"t__transport__{name}": "" for name in names}}
    found = reached_modules({"t": modules(**sources)}, Starts(("t",), (), frozenset({"redis"})), library="std")
    assert found == {"t": {"t.py", "t/transport.py", "t/transport/redis.py"}}
