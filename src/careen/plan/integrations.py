"""Distributions that are needed without any first-party import: drivers, plug-ins, optional halves.

A plain import graph misses them. Each row says who asks for what, and when. Import names, not distributions.
"""

from collections.abc import Mapping, Sequence

from careen.text.values import dataclass

_POSTGRES = ("psycopg2", "psycopg")
_MYSQL = ("MySQLdb", "pymysql")

URL_SCHEMES: Mapping[str, tuple[str, ...]] = {
    # Kombu's transports and Celery's result backends.
    "redis": ("redis",),
    "rediss": ("redis",),
    "redis+socket": ("redis",),
    "sentinel": ("redis",),
    "valkey": ("valkey", "redis"),
    "amqp": ("amqp", "librabbitmq", "aio_pika", "pika"),
    "amqps": ("amqp", "aio_pika", "pika"),
    "pyamqp": ("amqp",),
    "librabbitmq": ("librabbitmq",),
    "sqs": ("boto3", "pycurl", "urllib3"),
    "azureservicebus": ("azure.servicebus", "azure.identity"),
    "azurestoragequeues": ("azure.storage.queue", "azure.identity"),
    "azureblockblob": ("azure.storage.blob", "azure.identity"),
    "gcpubsub": ("google.cloud.pubsub", "google.cloud.monitoring"),
    "gs": ("google.cloud.storage",),
    "confluentkafka": ("confluent_kafka",),
    "kafka": ("confluent_kafka", "aiokafka", "kafka"),
    "zookeeper": ("kazoo",),
    "pyro": ("Pyro4",),
    "consul": ("consul",),
    "etcd": ("etcd",),
    "memcache": ("pymemcache", "pylibmc", "memcache"),
    "memcached": ("pymemcache", "pylibmc", "memcache"),
    "cache+memcached": ("pylibmc", "memcache"),
    "mongodb": ("pymongo", "motor"),
    "mongodb+srv": ("pymongo", "dns", "motor"),
    "elasticsearch": ("elasticsearch",),
    "couchbase": ("couchbase",),
    "couchdb": ("pycouchdb",),
    "arangodb": ("pyArango",),
    "dynamodb": ("boto3",),
    "s3": ("boto3", "s3fs", "aiobotocore"),
    "cosmosdbsql": ("pydocumentdb",),
    "cassandra": ("cassandra",),
    "db+postgresql": ("sqlalchemy", *_POSTGRES),
    "db+mysql": ("sqlalchemy", *_MYSQL),
    "db+sqlite": ("sqlalchemy",),
    "sqla+postgresql": ("sqlalchemy", *_POSTGRES),
    "sqla+sqlite": ("sqlalchemy",),
    # SQLAlchemy's dialects, and the addresses that django-environ, dj-database-url, databases and tortoise take.
    "postgresql": (*_POSTGRES, "asyncpg"),
    "postgres": (*_POSTGRES, "asyncpg"),
    "postgis": _POSTGRES,
    "psql": _POSTGRES,
    "pgsql": _POSTGRES,
    "postgresql+asyncpg": ("asyncpg", "greenlet"),
    "postgresql+psycopg": ("psycopg", "psycopg_binary", "psycopg_c"),
    "postgresql+psycopg_async": ("psycopg", "psycopg_binary", "greenlet"),
    "postgresql+psycopg2": ("psycopg2",),
    "postgresql+pg8000": ("pg8000",),
    "asyncpg": ("asyncpg",),
    "mysql": _MYSQL,
    "mysql+mysqldb": ("MySQLdb",),
    "mysql+pymysql": ("pymysql", "cryptography"),
    "mysql+mysqlconnector": ("mysql.connector",),
    "mysql+aiomysql": ("aiomysql", "pymysql", "greenlet"),
    "mysql+asyncmy": ("asyncmy", "greenlet"),
    "mariadb+mariadbconnector": ("mariadb",),
    "sqlite+aiosqlite": ("aiosqlite", "greenlet"),
    "sqlite+pysqlcipher": ("sqlcipher3",),
    "mssql+pyodbc": ("pyodbc",),
    "mssql+aioodbc": ("aioodbc", "pyodbc", "greenlet"),
    "mssql+pymssql": ("pymssql",),
    "oracle+oracledb": ("oracledb",),
    "oracle+cx_oracle": ("cx_Oracle",),
    "clickhouse": ("clickhouse_sqlalchemy", "clickhouse_connect", "clickhouse_driver"),
    "clickhouse+native": ("clickhouse_sqlalchemy", "clickhouse_driver"),
    "clickhousedb": ("clickhouse_connect",),
    "snowflake": ("snowflake.sqlalchemy",),
    "bigquery": ("sqlalchemy_bigquery",),
    "redshift+psycopg2": ("sqlalchemy_redshift", "psycopg2"),
    "redshift+redshift_connector": ("sqlalchemy_redshift", "redshift_connector"),
    "duckdb": ("duckdb_engine",),
    "trino": ("trino",),
    "hive": ("pyhive",),
    "cockroachdb": ("sqlalchemy_cockroachdb", *_POSTGRES),
    # Files by address: fsspec and its like.
    "gcs": ("gcsfs", "google.cloud.storage"),
    "abfs": ("adlfs",),
    "az": ("adlfs",),
    "sftp": ("paramiko",),
    "socks5": ("socksio", "socks", "httpx_socks", "aiohttp_socks"),
    "nats": ("nats",),
    "mqtt": ("paho.mqtt", "aiomqtt"),
    "ws": ("websockets", "wsproto"),
}
"""Import names of the drivers behind a URL's scheme; those that the lock does not have are passed over."""

NAMED_MODULES: Mapping[str, tuple[str, ...]] = {
    # Django: dotted names in settings, and what they load.
    "django.db.backends.postgresql": _POSTGRES,
    "django.contrib.gis.db.backends.postgis": _POSTGRES,
    "django.db.backends.mysql": _MYSQL,
    "django.db.backends.oracle": ("oracledb", "cx_Oracle"),
    "dj_db_conn_pool": ("sqlalchemy",),
    "django.core.cache.backends.redis": ("redis",),
    "django.core.cache.backends.memcached.PyMemcacheCache": ("pymemcache",),
    "django.core.cache.backends.memcached.PyLibMCCache": ("pylibmc",),
    "django.contrib.auth.hashers.Argon2PasswordHasher": ("argon2",),
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher": ("bcrypt",),
    "django.template.backends.jinja2": ("jinja2",),
    "django.contrib.postgres": _POSTGRES,
    "django_redis": ("redis", "hiredis", "msgpack", "lz4"),
    "channels_redis": ("redis", "msgpack"),
    "storages.backends.s3": ("boto3",),
    "storages.backends.s3boto3": ("boto3",),
    "storages.backends.gcloud": ("google.cloud.storage",),
    "storages.backends.azure_storage": ("azure.storage.blob", "azure.identity"),
    "storages.backends.dropbox": ("dropbox",),
    "storages.backends.sftpstorage": ("paramiko",),
    "anymail.backends": ("requests", "boto3"),
    "whitenoise.storage": ("brotli",),
    "rest_framework": ("markdown", "coreapi", "guardian", "uritemplate", "yaml"),
    "rest_framework.schemas": ("coreapi", "uritemplate", "yaml"),
    "rest_framework_simplejwt": ("jwt", "cryptography"),
    "django_filters": ("crispy_forms", "crispy_bootstrap5"),
    "social_core.backends": ("jose", "cryptography"),
    "django_celery_beat": ("crontab", "cron_descriptor", "tzdata", "timezone_field"),
    "haystack.backends.elasticsearch": ("elasticsearch",),
    "haystack.backends.whoosh_backend": ("whoosh",),
    "haystack.backends.solr_backend": ("pysolr",),
    # Servers and their workers.
    "uvicorn.workers": ("uvicorn", "uvloop", "httptools", "websockets"),
    "uvicorn_worker": ("uvicorn", "uvloop", "httptools", "websockets"),
    "gunicorn.workers.ggevent": ("gevent",),
    "gunicorn.workers.geventlet": ("eventlet",),
    "gunicorn.workers.gtornado": ("tornado",),
    # Logging configurations name formatters and handlers.
    "pythonjsonlogger": (),
    "json_log_formatter": (),
}
"""What a dotted name in a setting loads beside the module it names, by the longest prefix."""

SERIALIZERS: Mapping[str, tuple[str, ...]] = {"msgpack": ("msgpack",), "yaml": ("yaml",)}
"""Kombu's serializers that need a distribution of their own."""

SERIALIZER_SETTINGS = frozenset(
    {"accept_content", "task_serializer", "result_serializer", "event_serializer", "result_accept_content",
     "CELERY_ACCEPT_CONTENT", "CELERY_TASK_SERIALIZER", "CELERY_RESULT_SERIALIZER", "serializer"}
)  # fmt: skip


FORMERLY_STANDARD: Mapping[str, tuple[int, str]] = {
    # Setuptools puts its own copy in place by a .pth file (PEP 632).
    "distutils": (12, "setuptools"),
    "imp": (12, "imp"),
    "asyncore": (12, "asyncore"),
    "asynchat": (12, "asynchat"),
}
"""Modules that left the standard library, with the first minor version without them, and what brings them since."""


@dataclass(frozen=True, slots=True)
class Companion:
    """``imports`` are tried by ``requirer`` when they are installed; without them a feature or speed is lost."""

    requirer: str
    imports: tuple[str, ...]
    reason: str


COMPANIONS: Sequence[Companion] = (
    Companion("fastapi", ("multipart", "python_multipart"), "fastapi reads forms and uploads with it"),
    Companion("fastapi", ("orjson", "ujson"), "fastapi answers with it when it is installed"),
    Companion("fastapi", ("pydantic_settings", "pydantic_extra_types"), "fastapi's documentation builds on it"),
    Companion("starlette", ("multipart", "python_multipart"), "starlette reads forms and uploads with it"),
    Companion("starlette", ("itsdangerous",), "starlette signs sessions with it"),
    Companion("starlette", ("jinja2",), "starlette renders templates with it"),
    Companion("pydantic", ("email_validator",), "pydantic checks addresses with it"),
    Companion("pydantic", ("phonenumbers", "pycountry", "semver"), "pydantic's extra types ask for it"),
    Companion("pydantic-settings", ("dotenv", "yaml", "tomli"), "pydantic-settings reads files with it"),
    Companion("uvicorn", ("uvloop", "httptools", "websockets", "wsproto"), "uvicorn chooses it when it is installed"),
    Companion("uvicorn", ("dotenv", "yaml"), "uvicorn reads its own settings with it"),
    Companion("hypercorn", ("uvloop", "h2", "aioquic", "trio"), "hypercorn chooses it when it is installed"),
    Companion("granian", ("uvloop", "rloop"), "granian chooses it when it is installed"),
    Companion("gunicorn", ("setproctitle",), "gunicorn names its processes with it"),
    Companion("celery", ("tzdata", "dateutil", "setproctitle"), "celery uses it when it is installed"),
    Companion("kombu", ("packaging", "tzdata"), "kombu's transports import it without requiring it"),
    Companion("sqlalchemy", ("greenlet",), "sqlalchemy's asyncio half runs on it"),
    Companion("alembic", ("mako",), "alembic writes migrations with it"),
    Companion("psycopg", ("psycopg_binary", "psycopg_c", "psycopg_pool"), "psycopg loads its compiled half by itself"),
    Companion("redis", ("hiredis",), "redis parses with it when it is installed"),
    Companion("httpx", ("h2", "socksio", "brotli", "brotlicffi", "zstandard"), "httpx speaks it when it is installed"),
    Companion("requests", ("socks", "chardet", "simplejson"), "requests uses it when it is installed"),
    Companion("urllib3", ("brotli", "zstandard", "socks"), "urllib3 unpacks answers with it"),
    Companion("aiohttp", ("aiodns", "brotli", "brotlicffi", "backports.zstd"), "aiohttp uses it when it is installed"),
    Companion("passlib", ("bcrypt", "argon2"), "passlib hashes passwords with it"),
    Companion("pwdlib", ("bcrypt", "argon2"), "pwdlib hashes passwords with it"),
    Companion("pyjwt", ("cryptography",), "pyjwt signs with it"),
    Companion("python-jose", ("cryptography", "ecdsa", "rsa", "pyasn1"), "python-jose signs with it"),
    Companion("authlib", ("cryptography", "httpx", "requests"), "authlib speaks and signs with it"),
    Companion(
        "fastapi-users", ("fastapi_users_db_sqlalchemy", "makefun", "argon2", "bcrypt"), "fastapi-users plugs it in"
    ),
    Companion("sentry-sdk", ("blinker",), "sentry's integrations import it"),
    Companion("flask", ("dotenv", "asgiref"), "flask uses it when it is installed"),
    Companion("flask-sqlalchemy", _POSTGRES, "a database address may name it"),
    Companion("django", ("argon2", "bcrypt"), "django hashes passwords with it"),
    Companion("django", ("PIL",), "django's image fields need it"),
    Companion("sqlalchemy-file", ("PIL",), "sqlalchemy-file's image fields need it"),
    Companion("apache-libcloud", ("fasteners",), "libcloud locks local storage with it"),
    Companion("django", ("tblib",), "django shows errors with it"),
    Companion("djangorestframework", ("markdown", "django_filters", "guardian"), "the framework offers more with it"),
    Companion("channels", ("daphne", "channels_redis"), "channels serves and speaks through it"),
    Companion("django-storages", ("boto3",), "django-storages stores with it"),
    Companion(
        "pandas", ("openpyxl", "xlrd", "pyarrow", "lxml", "tables", "numexpr", "bottleneck"), "pandas reads with it"
    ),
    Companion("transformers", ("sentencepiece", "tiktoken", "accelerate"), "transformers loads models with it"),
    Companion("beautifulsoup4", ("lxml", "html5lib"), "beautifulsoup parses with it when told to"),
    Companion("feedparser", ("lxml",), "feedparser parses with it"),
    Companion("jinja2", ("babel",), "jinja translates with it"),
    Companion("fsspec", ("s3fs", "gcsfs", "adlfs", "aiohttp"), "fsspec opens addresses with it"),
    Companion("structlog", ("rich", "better_exceptions", "orjson"), "structlog renders with it"),
    Companion("loguru", ("better_exceptions",), "loguru renders with it"),
    Companion("apscheduler", ("sqlalchemy", "redis", "pytz", "tzlocal"), "apscheduler stores jobs with it"),
    Companion("taskiq", ("taskiq_redis", "taskiq_aio_pika", "taskiq_nats", "uvloop", "orjson"), "taskiq plugs it in"),
    Companion("dramatiq", ("redis", "pika", "prometheus_client", "gevent"), "dramatiq's brokers need it"),
    Companion("arq", ("hiredis", "watchfiles"), "arq uses it when it is installed"),
    Companion(
        "faststream", ("aio_pika", "aiokafka", "nats", "redis", "confluent_kafka"), "faststream's brokers need it"
    ),
    Companion("tortoise-orm", ("asyncpg", "aiosqlite", "asyncmy", "aiomysql"), "tortoise's backends need it"),
    Companion("opentelemetry-api", ("opentelemetry.sdk",), "opentelemetry finds it by itself"),
    Companion("slowapi", ("redis",), "limits are counted in it"),
    Companion("limits", ("redis", "pymemcache", "pymongo", "coredis"), "limits are counted in it"),
    Companion("fastapi-cache2", ("redis", "aiomcache", "orjson"), "answers are kept in it"),
    Companion("social-auth-app-django", ("social_core", "jose", "cryptography"), "sign-in speaks through it"),
    Companion("weasyprint", ("brotli", "zopfli"), "weasyprint packs fonts with it"),
    Companion("flower", ("redis", "packaging"), "flower asks the broker through it"),
)
"""Only what the project itself declares counts: see :func:`careen.plan.partition.partition`."""

UNDECLARED: Sequence[Companion] = (
    Companion("kombu", ("packaging",), "kombu's redis transport imports it, required or not"),
    Companion("flower", ("packaging",), "kombu's redis transport imports it, required or not"),
    Companion("drf-yasg", ("pkg_resources",), "drf-yasg imports it without requiring it"),
    Companion("fs", ("pkg_resources",), "fs imports it without requiring it"),
)
"""What is imported though nobody says so; kept from anywhere in the lock, being cheap where it is not needed."""

COMMANDS_GROUP = "commands"
"""Entry points that add commands to a program, as ``celery.commands``: needed by those who give the command."""

CACHE_PLACES = (
    ("numba", "NUMBA_CACHE_DIR", "/tmp/numba"),  # noqa: S108 - in the container
    ("matplotlib", "MPLCONFIGDIR", "/tmp/matplotlib"),  # noqa: S108 - in the container
)
"""What writes a cache beside itself or into a home when it is imported, and fails or complains where it cannot (numba's
``caching.py``, matplotlib's ``get_configdir``): the variable that names another place.
"""
