"""The smallest image that can hold a place in an engine's network: one program of a few instructions, which waits.

Servers of this machine take the place of a stack's brokers and databases by joining its network namespace.
"""

import io
import os
import struct
import tarfile

from careen.errors import MissingToolError

PROGRAM = "/hold"

_BASE = 0x400000
_HEADER_BYTES, _SEGMENT_BYTES = 64, 56
_CODE = {
    # pause(2), for ever: mov eax, 34; syscall; jmp to the first
    "x86_64": (62, bytes.fromhex("b822000000 0f05 ebf7")),
    # ppoll(2) without an end, for ever: x0 to x3 = 0; x8 = 73; svc 0; b to the first
    "aarch64": (183, bytes.fromhex("000080d2 010080d2 020080d2 030080d2 280980d2 010000d4 faffff17")),
}


def holding_image() -> bytes:
    """A tar with the program, for ``docker import``. Raises MissingToolError for a machine of another kind."""
    data = holding_program(os.uname().machine)
    into = io.BytesIO()
    with tarfile.open(fileobj=into, mode="w") as archive:
        entry = tarfile.TarInfo(PROGRAM.lstrip("/"))
        entry.size, entry.mode = len(data), 0o755
        archive.addfile(entry, io.BytesIO(data))
    return into.getvalue()


def holding_program(machine: str) -> bytes:
    """An ELF program of one loaded segment (elf(5)). Raises MissingToolError."""
    if machine not in _CODE:
        raise MissingToolError(f"careen has no program to hold a place on {machine}", hints=("use --runner runc",))
    number, code = _CODE[machine]
    start = _HEADER_BYTES + _SEGMENT_BYTES
    size = start + len(code)
    identity = b"\x7fELF" + bytes([2, 1, 1, 0]) + bytes(8)
    header = struct.pack(
        "<HHIQQQIHHHHHH", 2, number, 1, _BASE + start, _HEADER_BYTES, 0, 0, _HEADER_BYTES, _SEGMENT_BYTES, 1, 0, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    return identity + header + segment + code
