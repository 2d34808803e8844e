from pathlib import PurePosixPath

import pytest

from careen.dockerfile.dispatch import dispatched
from careen.findings import Place
from careen.workspace.launch import LaunchInput, resolve_launch

ONE_FOR_ALL = """\
#!/bin/sh
set -e
serve() {
    exec gunicorn shelf.web:app "$@"
}
migrate() {
    python manage.py migrate
}
case "$1" in
web)
    shift
    migrate
    serve "$@"
    ;;
worker | 'work*')
    exec celery -A shelf worker
    ;;
*)
    exec "$@"
    ;;
esac
"""


def lines(text: str, *arguments: str, **variables: str) -> list[str]:
    found = dispatched(text, arguments, variables).text.splitlines()
    return [line.strip() for line in found if line.strip() and not line.startswith(("#!", "set "))]


def test_a_case_over_the_argument_runs_one_branch_and_the_functions_it_calls() -> None:
    assert lines(ONE_FOR_ALL, "web", "--workers", "2") == [
        "python manage.py migrate",
        "exec gunicorn shelf.web:app --workers 2",
    ]
    assert lines(ONE_FOR_ALL, "worker") == ["exec celery -A shelf worker"]


def test_a_quoted_pattern_matches_itself_and_a_plain_one_what_it_stands_for() -> None:
    assert lines(ONE_FOR_ALL, "works") == ['exec "$@"']
    assert lines("case $1 in work*) a ;; *) b ;; esac", "works") == ["a"]


def test_tests_of_the_arguments_are_decided() -> None:
    script = 'if [ -z "$1" ]; then\n  usage\nelif [ "$1" = "web" ]; then\n  web\nelse\n  other\nfi\n'
    assert lines(script) == ["usage"]
    assert lines(script, "web") == ["web"]
    assert lines(script, "beat") == ["other"]
    assert lines("if [ $# -gt 1 ]; then many; fi; after", "one") == ["after"]


def test_an_exit_that_a_return_may_go_around_does_not_end_the_script() -> None:
    script = """\
ensure() {
    if grep -q app /etc/passwd; then
        return 0
    fi
    exit 1
}
ensure
exec web
"""
    assert lines(script)[-1] == "exec web"


def test_an_option_in_front_becomes_the_server_s() -> None:
    script = 'if [ "${1#-}" != "$1" ]; then\n  set -- gunicorn "$@"\nfi\nexec "$@"\n'
    assert lines(script, "--bind", ":80") == ["exec gunicorn --bind :80"]
    assert lines(script, "celery") == ['exec "$@"']


def test_a_variable_decides_when_its_value_is_given() -> None:
    script = "ROLE=${ROLE:-web}\ncase $ROLE in web) w ;; worker) k ;; esac\n"
    assert lines(script, ROLE="worker")[1:] == ["k"]
    undecided = lines(script)
    assert "w ;;" in undecided[1], undecided
    assert "k ;;" in undecided[1], undecided


def test_what_a_condition_may_have_changed_is_not_known() -> None:
    script = "MODE=$1\nif [ -f flag ]; then MODE=b; fi\ncase $MODE in a) a ;; b) b ;; esac\n"
    assert "b) b ;;" in lines(script, "a")[-1]


def test_nothing_runs_behind_exec_or_exit() -> None:
    assert lines("if [ $1 = a ]; then exec first; fi\nexec second\n", "a") == ["exec first"]
    assert lines("if [ -n $1 ]; then exit 1; fi\nexec second\n", "a") == ["exit 1"]


@pytest.mark.parametrize("text", ["case $1 in web) a ;;", "if if if", "exec gunicorn shelf:app\n"])
def test_what_cannot_be_decided_stays_as_it_is_written(text: str) -> None:
    assert dispatched(text, ("web",), {}).text == text


def test_calls_that_double_end() -> None:
    functions = "".join(f"f{n}() {{\n  f{n + 1}; f{n + 1}\n}}\n" for n in range(40))
    text = f"{functions}f40() {{ a; }}\nf0\n"
    assert dispatched(text, (), {}).text == text


def test_the_command_of_a_service_is_found_behind_a_script_for_all() -> None:
    given = LaunchInput(
        entrypoint=("/entrypoint.sh",),
        command=("web", "--workers", "2"),
        place=Place(path=PurePosixPath("Dockerfile"), line=1, end_line=1),
        from_compose=False,
    )
    launch = resolve_launch(given, {}, {"/entrypoint.sh": (PurePosixPath("entrypoint.sh"), ONE_FOR_ALL)}.get)
    assert launch is not None
    assert launch.argv == ("gunicorn", "shelf.web:app", "--workers", "2")
    assert [step.argv for step in launch.prelude] == [("python", "manage.py", "migrate")]
    assert not launch.shell_in_front


LIST_OF_FUNCTIONS = """\
#!/bin/sh
web() {
    gunicorn shelf.web:app "$@"
}
help() {
    echo web
}
time "${@:-help}"
"""


@pytest.mark.parametrize("end", ['time "${@:-help}"', '"${@:-help}"', "${@:-help}"])
def test_a_list_of_functions_runs_the_one_that_is_named(end: str) -> None:
    script = LIST_OF_FUNCTIONS.replace('time "${@:-help}"', end)

    assert lines(script, "web", "--reload") == ["gunicorn shelf.web:app --reload"]
    assert lines(script) == ["echo web"]
    assert lines(script, "other", "a b") == ["other 'a b'"]
    assert lines(LIST_OF_FUNCTIONS.replace('time "${@:-help}"', '"$@"'), "web") == ["gunicorn shelf.web:app"]
