"""Compound Files ([MS-CFB]) as Outlook writes messages into: storages and streams, small ones in the mini stream."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

_SECTOR, _MINI = 512, 64
_END, _FREE, _FAT, _NONE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD, 0xFFFFFFFF
_CUTOFF = 4096

Storage = Mapping[str, "bytes | Storage"]


@dataclass
class _Entry:
    name: str
    kind: int
    content: bytes = b""
    right: int = _NONE
    child: int = _NONE
    start: int = _END


@dataclass
class _Sectors:
    """Sectors of one size, and the chains through them."""

    size: int
    content: bytearray = field(default_factory=bytearray)
    chain: list[int] = field(default_factory=list)

    def add(self, content: bytes) -> int:
        if not content:
            return _END
        first, count = len(self.chain), -(-len(content) // self.size)
        self.content += content.ljust(count * self.size, b"\0")
        self.chain += [*range(first + 1, first + count), _END]
        return first


def compound_file(root: Storage) -> bytes:
    """The bytes of a Compound File (version 3) with these storages and streams, by name."""
    entries = [_Entry("Root Entry", 5)]
    _fill(entries, 0, root)
    big, mini = _Sectors(_SECTOR), _Sectors(_MINI)
    for entry in entries[1:]:
        if entry.kind == 2:
            entry.start = (mini if len(entry.content) < _CUTOFF else big).add(entry.content)
    entries[0].content, entries[0].start = bytes(mini.content), big.add(bytes(mini.content))
    mini_fat = big.add(_numbers(mini.chain))
    directory = big.add(b"".join(_packed(entry) for entry in entries))
    fat_sectors = 1
    while fat_sectors * _SECTOR // 4 < len(big.chain) + fat_sectors:
        fat_sectors += 1
    fat = [*big.chain, *[_FAT] * fat_sectors]
    places = [len(big.chain) + number for number in range(fat_sectors)]
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIII",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        *(0x3E, 3, 0xFFFE, 9, 6),
        *(0, fat_sectors, directory, 0, _CUTOFF, mini_fat, -(-len(mini.chain) * 4 // _SECTOR), _END, 0),
    ) + _numbers([*places, *[_FREE] * (109 - fat_sectors)])
    return header + bytes(big.content) + _numbers(fat).ljust(fat_sectors * _SECTOR, b"\xff")


def _fill(entries: list[_Entry], parent: int, storage: Storage) -> None:
    before = None
    for name, content in storage.items():
        number = len(entries)
        entries.append(
            _Entry(name, 2 if isinstance(content, bytes) else 1, content if isinstance(content, bytes) else b"")
        )
        if before is None:
            entries[parent].child = number
        else:
            entries[before].right = number
        before = number
        if not isinstance(content, bytes):
            _fill(entries, number, content)


def _numbers(values: list[int]) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def _packed(entry: _Entry) -> bytes:
    name = entry.name.encode("utf-16-le") + b"\0\0"
    return struct.pack(
        "<64sHBBIII16xI8x8xIQ",
        name,
        len(name),
        entry.kind,
        1,
        _NONE,
        entry.right,
        entry.child,
        0,
        entry.start if entry.kind != 1 else 0,
        len(entry.content),
    )


def message(subject: str, body: str, attachments: "Mapping[str, bytes | Storage]") -> dict[str, "bytes | Storage"]:
    """An Outlook message's storage ([MS-OXMSG]): an attachment is its bytes, or another message's storage."""
    created: dict[str, bytes | Storage] = {
        "__properties_version1.0": bytes(32),
        "__substg1.0_0037001F": subject.encode("utf-16-le"),
        "__substg1.0_0C1A001F": "Ana; Ben <ben@example.org>".encode("utf-16-le"),
        "__substg1.0_1000001F": body.encode("utf-16-le"),
    }
    for number, (name, content) in enumerate(attachments.items()):
        current_rows: dict[str, bytes | Storage] = {"__properties_version1.0": bytes(8)}
        if isinstance(content, bytes):
            current_rows |= {"__substg1.0_3707001F": name.encode("utf-16-le"), "__substg1.0_37010102": content}
        else:
            current_rows |= {"__substg1.0_3001001F": name.encode("utf-16-le"), "__substg1.0_3701000D": content}
        created[f"__attach_version1.0_#{number:08X}"] = current_rows
    return created
