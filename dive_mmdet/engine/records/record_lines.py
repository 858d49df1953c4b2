"""Lines of a record log: JSON with a checksum in front. Plain data alone, nothing is ever unpickled."""
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

MARK = b'{"sum":"'
HEAD = len(MARK) + 16 + len(b'",')
# First and last in a line, so that neither copy is believed alone.
IMAGE = re.compile(rb'"image":(-?\d+|"(?:[^"\\]|\\.)*"),.*,"again":\1}\n')


def _head(body: bytes) -> bytes:
    return MARK + hashlib.blake2b(body, digest_size=8).hexdigest().encode() + b'",'


def encode(record: dict) -> bytes:
    """A record as one line of JSON that ends with its newline; infinities and NaN as Python's json writes them."""
    if 'image' in record:
        record = {'image': record['image'], **record, 'again': record['image']}
    body = json.dumps(record, separators=(',', ':')).encode()[1:] + b'\n'
    return _head(body) + body


def decode(line: bytes) -> dict | None:
    """The record of a line with its newline, None where a byte of it is not as it was written."""
    body = line[HEAD:]
    return json.loads(b'{' + body) if line == _head(body) + body else None


def image_of(line: bytes) -> str | None:
    """The image that a damaged line speaks of, as far as it can be read."""
    found = IMAGE.search(line)
    return found and found[1].decode(errors='replace')


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Offset and bytes of every line; the last one has no newline where it was torn."""
    offset = 0
    with path.open('rb') as file:
        for line in file:
            yield offset, line
            offset += len(line)
