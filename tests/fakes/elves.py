"""Shared libraries of nothing but headers."""

import struct


def elf64(*, needed: tuple[str, ...] = (), soname: str = "", runpath: str = "", machine: int = 62) -> bytes:
    """A shared library of nothing but headers, in one loaded segment at address 0x1000."""
    strings = bytearray(b"\0")

    def put(text: str) -> int:
        at = len(strings)
        strings.extend(text.encode() + b"\0")
        return at

    tags = [(1, put(name)) for name in needed]
    if soname:
        tags.append((14, put(soname)))
    if runpath:
        tags.append((29, put(runpath)))
    dynamic_at = 64 + 2 * 56
    strings_at = dynamic_at + (len(tags) + 3) * 16
    tags += [(5, 0x1000 + strings_at), (10, len(strings)), (0, 0)]
    dynamic = b"".join(struct.pack("<qQ", *tag) for tag in tags)
    total = strings_at + len(strings)
    header = (
        b"\x7fELF\x02\x01\x01"
        + bytes(9)
        + struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    )
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x1000, 0, total, total, 0x1000)
    pointer = struct.pack("<IIQQQQQQ", 2, 6, dynamic_at, 0x1000 + dynamic_at, 0, len(dynamic), len(dynamic), 8)
    return header + load + pointer + dynamic + bytes(strings)
