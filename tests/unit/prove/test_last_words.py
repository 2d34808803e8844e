"""Logs as programs really write them, and what of them says why the program ended."""

import pytest

from careen.prove.last_words import Cause, Lack, cause_of

_TRACE = """\
Traceback (most recent call last):
  File "/app/src/config.py", line 32, in <module>
    settings = Settings()
               ^^^^^^^^^^
"""


@pytest.mark.parametrize(
    ("log", "what"),
    [
        (
            _TRACE + "pydantic_core._pydantic_core.ValidationError: 2 validation errors for Settings\n"
            "MODE\n  Field required [type=missing, input_value={'A': 'hunter2'}, input_type=dict]\n"
            "    For further information visit https://errors.example/v/missing\n"
            "DB_HOST\n  Field required [type=missing, input_value={}, input_type=dict]\n"
            "    For further information visit https://errors.example/v/missing\n"
            "`/usr/bin/python3.11 -m alembic.config upgrade head` ended with 1: the service is not started\n",
            ("MODE", "DB_HOST"),
        ),
        (
            _TRACE + "pydantic.error_wrappers.ValidationError: 1 validation error for AppConfig\n"
            "secret_key\n  field required (type=value_error.missing)\n",
            ("secret_key",),
        ),
        (
            _TRACE + "ValueError: Couldn't import 'a.b:c': 1 validation error for Settings\n"
            "MODE\n  Field required [type=missing, input_value={}, input_type=dict]\n",
            ("MODE",),
        ),
        (_TRACE + "KeyError: \"Config 'SECRET_KEY' is missing, and has no default.\"", ("SECRET_KEY",)),
        (
            (
                "Traceback (most recent call last):\n"
                '  File "/app/a.py", line 1, in <module>\n    KEY = os.environ["API_KEY"]\n'
                "  File \"<frozen os>\", line 685, in __getitem__\nKeyError: 'API_KEY'\n"
            ),
            ("API_KEY",),
        ),
        (_TRACE + "decouple.UndefinedValueError: KEY not found. Declare it as envvar or define a default.", ("KEY",)),
        (
            _TRACE + "django.core.exceptions.ImproperlyConfigured: Set the DJANGO_DB_ENGINE environment variable\n",
            ("DJANGO_DB_ENGINE",),
        ),
        (
            _TRACE + "django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.",
            ("SECRET_KEY",),
        ),
        (_TRACE + 'environs.EnvError: Environment variable "BOT_TOKEN" not set', ("BOT_TOKEN",)),
        (_TRACE + "RuntimeError: OPENAI_API_KEY is not set", ("OPENAI_API_KEY",)),
        (_TRACE + "ValueError: DATABASE_URL must be set", ("DATABASE_URL",)),
    ],
)
def test_a_variable_that_nothing_sets_is_named(log: str, what: tuple[str, ...]) -> None:
    cause = cause_of(log)
    assert cause is not None
    assert (cause.lack, cause.what) == (Lack.VARIABLE, what)
    assert all(name in cause.said for name in what)
    assert "hunter2" not in cause.said


@pytest.mark.parametrize(
    ("log", "lack", "what"),
    [
        ('OperationalError: could not translate host name "db" to address: Name or service not known', "name", "db"),
        (
            ('psycopg2.OperationalError: connection to server at "10.0.2.17", port 5432 failed: Connection refused\n'
            "\tIs the server running on that host and accepting TCP/IP connections?"),
            "server",
            "10.0.2.17:5432",
        ),
        ("OSError: [Errno 111] Connect call failed ('127.0.0.1', 5432)", "server", "127.0.0.1:5432"),
        (
            "redis.ConnectionError: Error -3 connecting to cache:6379. Temporary failure in name resolution.",
            "name",
            "cache",
        ),
        (
            "redis.exceptions.ConnectionError: Error 111 connecting to localhost:6379. Connection refused.",
            "server",
            "localhost:6379",
        ),
        (
            ("requests.exceptions.ConnectionError: HTTPConnectionPool(host='ganache', port=8545): Max retries exceeded "
            "with url: / (Caused by NewConnectionError(\"HTTPConnection(host='ganache', port=8545): Failed to "
            'establish a new connection: [Errno 111] Connection refused"))'),
            "server",
            "ganache:8545",
        ),
        (
            ("[ERROR] consumer: Cannot connect to sqs://localhost//: Could not connect to the endpoint URL: "
            '"http://localstack:4566/".\nTrying again in 10.00 seconds... (5/100)'),
            "server",
            "localstack:4566",
        ),
        (
            ("[ERROR/MainProcess] consumer: Cannot connect to amqp://guest:**@rabbit:5672//: [Errno 111] Connection "
            "refused.\nTrying again in 2.00 seconds... (1/100)"),
            "server",
            "rabbit:5672",
        ),
        ("pymongo.errors.ServerSelectionTimeoutError: mongo:27017: [Errno -3] Temporary failure in", "name", "mongo"),
        ("waiting for db:5432: [Errno -2] Name or service not known", "name", "db"),
        ("pymysql.err.OperationalError: (2003, \"Can't connect to MySQL server on 'mysql' ([Errno 111])\")", "server",
         "mysql"),
        ("aiohttp.ClientConnectorError: Cannot connect to host api.example:443 ssl:default [Name or service not known]",
         "name", "api.example"),
        (_TRACE + "FileNotFoundError: [Errno 2] No such file or directory: 'config/app.yaml'", "file",
         "config/app.yaml"),
        ("FAILED: No config file 'alembic.ini' found, or file has no '[alembic]' section", "file", "alembic.ini"),
        (_TRACE + "PermissionError: [Errno 13] Permission denied: '/data/x'", "right", "/data/x"),
        (_TRACE + "OSError: [Errno 30] Read-only file system: '/app/logs'", "right", "/app/logs"),
        (_TRACE + "ModuleNotFoundError: No module named 'psycopg2'", "module", "psycopg2"),
        (_TRACE + "ImportError: libpq.so.5: cannot open shared object file: No such file or directory", "module",
         "libpq.so.5"),
        ("Usage: -c [OPTIONS] N\n╭─ Error ────╮\n│ Missing argument 'N'.   │\n╰─────╯", "argument", "N"),
        ("main.py: error: the following arguments are required: --token", "argument", "--token"),
        (_TRACE + 'ProgrammingError: relation "beat_schedule" does not exist\nLINE 1: ...', "table", "beat_schedule"),
        (_TRACE + "OperationalError: no such table: users", "table", "users"),
    ],
)  # fmt: skip
def test_what_else_is_lacking_is_named(log: str, lack: str, what: str) -> None:
    cause = cause_of(log)
    assert cause is not None
    assert (cause.lack, cause.what) == (Lack(lack), (what,))
    assert what in cause.said


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (
            _TRACE + "ImportError: cannot import name 'url_quote' from 'werkzeug.urls' "
            "(/usr/local/lib/python3.11/dist-packages/werkzeug/urls.py)",
            "werkzeug.urls, as it is installed, has no url_quote: it is of another version than the code asks for",
        ),
        (
            _TRACE + "ImportError: cannot import name 'Job' from 'app.jobs' (/app/app/jobs/__init__.py)",
            "app.jobs of the project has no Job",
        ),
        (
            'ERROR:    Error loading ASGI app. Attribute "app" not found in module "main".',
            "main of the project has no app",
        ),
        (_TRACE + "shop.errors.Impossible: no prices\n", "shop.errors.Impossible: no prices"),
        ("starting\n\x1b[31mno licence found\x1b[0m\n----\n", "the last that it said is: no licence found"),
        (
            (
                'psycopg.OperationalError: connection to server at "db", port 5432 failed: '
                'FATAL:  password authentication failed for user "x"'
            ),
            'the database refuses it: password authentication failed for user "x"',
        ),
    ],
)
def test_a_reason_that_is_no_lack_is_told(log: str, said: str) -> None:
    assert cause_of(log) == Cause(lack=Lack.OTHER, said=said)


def test_troubles_that_were_got_over_do_not_count() -> None:
    log = "waiting for db:5432: [Errno 111] Connection refused\nconnected\n" + _TRACE + "ValueError: bad colour\n"
    assert cause_of(log) == Cause(lack=Lack.OTHER, said="ValueError: bad colour")


def test_the_cause_of_a_chained_exception_counts() -> None:
    log = (
        'Traceback (most recent call last):\n  File "/app/a.py", line 1, in f\n'
        "FileNotFoundError: [Errno 2] No such file or directory: '/app/key.pem'\n\n"
        "The above exception was the direct cause of the following exception:\n\n" + _TRACE + "app.StartError: no\n"
    )
    cause = cause_of(log)
    assert cause is not None
    assert cause.what == ("/app/key.pem",)


def test_a_key_error_that_is_no_variable_is_told_as_it_is() -> None:
    cause = cause_of(
        "Traceback (most recent call last):\n  File \"/app/a.py\", line 1, in f\n    table[k]\nKeyError: 'k'\n"
    )
    assert cause == Cause(lack=Lack.OTHER, said="KeyError: 'k'")


def test_the_last_line_of_a_service_that_goes_on_is_no_reason() -> None:
    assert cause_of("Listening on 8000\n", ended=False) is None
    assert cause_of("") is None


def test_errors_that_stand_together_are_told_together() -> None:
    cause = cause_of("INFO up\nERROR: You did not read this!\nERROR: See the pages.\n")
    assert cause is not None
    assert cause.said == "the last that it said is: ERROR: You did not read this! ERROR: See the pages."


def test_what_is_said_twice_is_told_once() -> None:
    block = "1 validation error for Settings\nMODE\n  Field required [type=missing, input_value={}]\n"
    cause = cause_of(f"{_TRACE}ValueError: {block}\nDuring handling of the above exception:\n\n{_TRACE}Error: {block}")
    assert cause is not None
    assert cause.said == "Settings asks for MODE, which nothing sets"


def test_settings_that_refuse_a_value_do_not_repeat_it() -> None:
    cause = cause_of(
        _TRACE + "pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings\n"
        "PORT\n  Input should be a valid integer, unable to parse [type=int_parsing, input_value='hunter2', "
        "input_type=str]\n"
    )
    assert cause is not None
    assert cause.said == "Settings does not take PORT: Input should be a valid integer, unable to parse"
