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


def with_symbols(
    data: bytes,
    *,
    tail_bytes: int = 0,
    tail_alignment: int = 0x1000,
    section: tuple[int, int] = (1, 64),
    symbols: int = 6250,
    strings: int = 150_000,
) -> bytes:
    """A real library with a table of symbols behind it, and behind that a part that is loaded, as patchelf adds one.

    The part takes the place of the header that says whether the stack may be run; ``section`` is the kind and the
    alignment of what is in it.
    """
    shoff = struct.unpack_from("<Q", data, 40)[0]
    count, names = struct.unpack_from("<HH", data, 60)
    sections = [list(struct.unpack_from("<IIQQQQIIQQ", data, shoff + number * 64)) for number in range(count)]
    sections = [section if section[1] != 2 else [0] * 10 for section in sections]
    out = bytearray(data)
    out += bytes(-len(out) % 8)
    table = [0, 2, 0, 0, len(out), symbols * 24, count + 1, 1, 8, 24]
    out += bytes(range(24)) * symbols
    sections += [table, [0, 3, 0, 0, len(out), strings, 0, 0, 1, 0]]
    out += b"name\0" * (strings // 5)
    if tail_bytes:
        start, parts = struct.unpack_from("<Q", out, 32)[0], struct.unpack_from("<H", out, 56)[0]
        headers = [struct.unpack_from("<IIQQQQQQ", out, start + number * 56) for number in range(parts)]
        last = max(header[3] + header[6] for header in headers)
        address = last + -last % tail_alignment
        out += bytes(-len(out) % tail_alignment)
        stack = next(number for number, header in enumerate(headers) if header[0] == 0x6474E551)
        added = (1, 6, len(out), address, address, tail_bytes, tail_bytes, tail_alignment)
        if section[0]:
            sections.append([0, section[0], 3, address, len(out), tail_bytes, 0, 0, section[1], 0])
        ordered = [header for number, header in enumerate(headers) if number != stack]
        at = 1 + max(number for number, header in enumerate(ordered) if header[0] == 1)  # by their addresses
        ordered.insert(at, added)
        for number, header in enumerate(ordered):
            struct.pack_into("<IIQQQQQQ", out, start + number * 56, *header)
        out += bytes(position % 251 for position in range(tail_bytes))
    out += bytes(-len(out) % 8)
    struct.pack_into("<Q", out, 40, len(out))
    struct.pack_into("<HH", out, 60, len(sections), names)
    return bytes(out) + b"".join(struct.pack("<IIQQQQIIQQ", *section) for section in sections)
