"""Libraries that distributions open by name while they run, and programs that they start: no ELF file tells of either.

From the distributions' own documentation and sources (``ctypes.util.find_library``, ``ffi.dlopen``, ``subprocess``).
"""

from collections.abc import Collection, Iterator, Mapping

_LIBPQ = ("libpq.so.5",)
_CAIRO = ("libcairo.so.2",)
_LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "cairocffi": _CAIRO,
    "cairosvg": _CAIRO,
    "mysqlclient": ("libmariadb.so.3",),
    "psycopg": _LIBPQ,
    "psycopg-c": _LIBPQ,
    "psycopg2": _LIBPQ,
    "python-magic": ("libmagic.so.1",),
    "pyzbar": ("libzbar.so.0",),
    "pylibdmtx": ("libdmtx.so.0",),
    "weasyprint": (
        "libfontconfig.so.1",
        "libgobject-2.0.so.0",
        "libharfbuzz-subset.so.0",
        "libharfbuzz.so.0",
        "libpango-1.0.so.0",
        "libpangoft2-1.0.so.0",
    ),
}
_BROUGHT_BY: Mapping[str, str] = {"psycopg": "psycopg-binary"}
"""Distributions whose library another one brings."""

_PROGRAMS: Mapping[str, tuple[str, str]] = {
    "ffmpeg-python": ("ffmpeg", "ffmpeg"),
    "gitpython": ("git", "git"),
    "graphviz": ("dot", "graphviz"),
    "pdf2image": ("pdftoppm", "poppler-utils"),
    "pdfkit": ("wkhtmltopdf", "wkhtmltopdf"),
    "pydub": ("ffmpeg", "ffmpeg"),
    "pypandoc": ("pandoc", "pandoc"),
    "pytesseract": ("tesseract", "tesseract-ocr"),
}


def libraries_opened(names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Names of shared libraries with the distribution that opens each."""
    for name in sorted(names):
        if _BROUGHT_BY.get(name) not in names:
            yield from ((library, name) for library in _LIBRARIES.get(name, ()))


def programs_started(names: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Distributions with the program that each starts and the Debian package that has it."""
    return ((name, *_PROGRAMS[name]) for name in sorted(names) if name in _PROGRAMS)
