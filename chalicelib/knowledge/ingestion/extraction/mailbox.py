"""Mailboxes in the format mbox (RFC 4155): every message is a file of its own."""

from __future__ import annotations

import re
from email.parser import BytesHeaderParser
from pathlib import Path

from chalicelib.knowledge.ingestion.extraction import ExtractionError
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, member_path
from chalicelib.knowledge.ingestion.extraction.mail import header_of

_BEGINS = re.compile(rb"^From [^\r\n]*\r?\n(?=[!-9;-~]+:)", re.MULTILINE)
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)


def read(path: Path, assembly: TextAssembler) -> None:
    """Read a mailbox: the subjects of its messages. It has no title."""
    data = path.read_bytes()
    starts = [(match.start(), match.end()) for match in _BEGINS.finditer(data)]
    if not starts:
        raise ExtractionError("corrupt", "The file is damaged: it holds no messages.")
    if not assembly.unpacks:
        raise ExtractionError(
            "too_large", "The mailbox lies inside other files, deeper than is unpacked. Upload it for itself."
        )
    lines = []
    most = assembly.limits.max_members
    for number, (_, begin) in enumerate(starts):
        end = starts[number + 1][0] if number + 1 < len(starts) else len(data)
        content = _QUOTED.sub(rb"\1", data[begin:end].rstrip(b"\r\n") + b"\n")
        headers = BytesHeaderParser().parsebytes(content[:65_536])
        subject = header_of(headers, "Subject") or "message"
        sender = header_of(headers, "From")
        name = f"{subject[:100]}.eml".replace("/", "-")
        if number < most:
            name = assembly.member(name, "message/rfc822", content)
        else:
            assembly.leave_out(name)
        lines.append(f"{member_path(name)} | {sender}" if sender else member_path(name))
    assembly.add("\n".join(lines))
