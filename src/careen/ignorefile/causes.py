"""Why a file weighs on a build context: what kind of thing it is, told by its path."""

from enum import StrEnum


class Cause(StrEnum):
    """Ordered from what never belongs into a context to what does."""

    VERSION_CONTROL = "version control"
    VIRTUAL_ENVIRONMENT = "virtual environment"
    NODE_MODULES = "node_modules"
    CACHES = "caches"
    SECRETS = "secrets"
    NOTEBOOKS = "notebooks"
    DATA = "data"
    TESTS = "tests"
    DOCUMENTATION = "documentation"
    BUILD_ARTEFACTS = "build artefacts"
    LOGS = "logs"
    EDITOR = "editor and CI files"
    MEDIA = "images, sound and fonts"
    PYTHON = "python sources"
    OTHER = "everything else"


_FOLDER_NAMES = {
    Cause.VERSION_CONTROL: ".git .hg .svn .bzr .jj",
    Cause.VIRTUAL_ENVIRONMENT: ".venv venv .virtualenv virtualenv site-packages .tox .nox .pixi __pypackages__",
    Cause.NODE_MODULES: "node_modules bower_components .yarn .pnpm-store",
    Cause.CACHES: (
        "__pycache__ .mypy_cache .ruff_cache .pytest_cache .hypothesis .cache .eggs .uv-cache .pytype "
        ".import_linter_cache .ipynb_checkpoints .terraform .parcel-cache .next .turbo .gradle"
    ),
    Cause.SECRETS: ".ssh .gnupg .aws .azure .kube secrets",
    Cause.NOTEBOOKS: "notebooks notebook",
    Cause.DATA: "data datasets dataset dumps backups uploads .dvc mlruns wandb checkpoints",
    Cause.TESTS: "tests test testing __tests__ e2e",
    Cause.DOCUMENTATION: "docs doc documentation",
    Cause.BUILD_ARTEFACTS: "dist build htmlcov wheelhouse wheels target coverage",
    Cause.LOGS: "logs log",
    Cause.EDITOR: ".idea .vscode .vs .fleet .zed .github .gitlab .circleci .devcontainer",
    Cause.MEDIA: "",
}
_FOLDERS = {name: cause for cause, names in _FOLDER_NAMES.items() for name in names.split()}

_SUFFIX_NAMES = {
    Cause.NOTEBOOKS: "ipynb",
    Cause.CACHES: "pyc pyo",
    Cause.LOGS: "log",
    Cause.DATA: (
        "csv tsv parquet feather arrow avro jsonl ndjson sqlite sqlite3 db dump rdb npy npz h5 hdf5 pkl pickle "
        "joblib tar gz tgz bz2 xz zst zip 7z rar xlsx xls sql bak onnx pt pth safetensors gguf tflite"
    ),
    Cause.SECRETS: "pem key p12 pfx jks keystore kdbx ovpn tfstate",
    Cause.BUILD_ARTEFACTS: "whl egg o a so",
    Cause.MEDIA: (
        "png jpg jpeg gif webp bmp tif tiff ico svg mp3 wav flac ogg mp4 mov avi mkv webm pdf psd ttf otf woff woff2"
    ),
    Cause.EDITOR: "swp swo iml",
    Cause.PYTHON: "py pyi pyx",
    Cause.DOCUMENTATION: "md rst adoc",
}
_SUFFIXES = {suffix: cause for cause, suffixes in _SUFFIX_NAMES.items() for suffix in suffixes.split()}

_NAMES = {
    name: cause
    for cause, names in {
        Cause.VERSION_CONTROL: ".git .gitignore .gitattributes .gitmodules .hgignore",
        Cause.CACHES: ".coverage .DS_Store Thumbs.db .eslintcache",
        Cause.EDITOR: ".editorconfig .gitlab-ci.yml .travis.yml .pre-commit-config.yaml Jenkinsfile",
        Cause.SECRETS: (
            "id_rsa id_ed25519 id_ecdsa id_dsa .netrc _netrc .pgpass .pypirc .htpasswd .git-credentials .vault- "
            "token credentials.json credentials client_secret.json service-account.json service_account.json "
            "secrets.yml secrets.yaml secrets.toml secrets.json kubeconfig terraform.tfstate"
        ),
        # The readme is named by pyproject.toml and needed when the project is built.
        Cause.OTHER: "README.md README.rst LICENSE.md CHANGELOG.md",
    }.items()
    for name in names.split()
}
_HARMLESS_ENVIRONMENTS = frozenset({"example", "sample", "template", "dist", "tmpl", "defaults", "test", "schema"})
_PUBLIC_PEM = frozenset({"cacert.pem", "ca.pem", "ca-bundle.pem", "public.pem", "fullchain.pem", "chain.pem"})

_WHOLE = frozenset(
    {Cause.VERSION_CONTROL, Cause.VIRTUAL_ENVIRONMENT, Cause.NODE_MODULES, Cause.CACHES, Cause.SECRETS, Cause.EDITOR}
)
"""Folders of these are what they are, whatever a file in them is called: certificates in a venv are no secrets."""

_PACKAGE_NAMES = frozenset({Cause.DATA, Cause.DOCUMENTATION, Cause.BUILD_ARTEFACTS, Cause.LOGS, Cause.SECRETS})
"""Words that are also used for packages of code: ``src/shop/data/__init__.py`` is no data."""


def folder_cause(name: str, above: Cause | None) -> Cause | None:
    """What a folder makes of everything below it: the outermost telling name decides."""
    if above is not None:
        return _FOLDERS[name] if above not in _WHOLE and _FOLDERS.get(name) in _WHOLE else above
    return Cause.BUILD_ARTEFACTS if name.endswith(".egg-info") else _FOLDERS.get(name)


def file_cause(name: str, folder: Cause | None) -> Cause:
    """``folder`` is the :func:`folder_cause` of the folder that holds the file."""
    if folder is Cause.SECRETS or folder not in _WHOLE:
        if _is_environment(name):
            return Cause.SECRETS
        suffix = name.rpartition(".")[2].lower()
        cause = _NAMES.get(name) or _SUFFIXES.get(suffix)
        if cause is Cause.SECRETS and (folder is not Cause.TESTS or name in _NAMES) and name not in _PUBLIC_PEM:
            return cause
        if folder is None:
            return Cause.OTHER if cause is None or cause is Cause.SECRETS else cause
        if cause is Cause.PYTHON and folder in _PACKAGE_NAMES:
            return cause
    return folder or Cause.OTHER


def _is_environment(name: str) -> bool:
    if name == ".env":
        return True
    return name.startswith(".env.") and name.rpartition(".")[2] not in _HARMLESS_ENVIRONMENTS


def cause_of(path: str) -> Cause:
    """By the outermost telling folder, then by the file's own name."""
    *folders, name = path.split("/")
    cause: Cause | None = None
    for folder in folders:
        cause = folder_cause(folder, cause)
    return file_cause(name, cause)
