"""Results of finished images on disk, one file each."""
import hashlib
import json
import os
from pathlib import Path


def fingerprint(config_text: str, *weights: str) -> str:
    """What decides a result: the configuration and the bytes of the weight files.

    Raises:
        FileNotFoundError: one of them is missing.
    """
    digest = hashlib.sha256(config_text.encode())
    for path in weights:
        if not Path(path).is_file():
            raise FileNotFoundError(f'No checkpoint at {path}: give one that is there.')
        digest.update(Path(path).read_bytes())
    return digest.hexdigest()


class RecordStore:
    """JSON records by image id in a folder; a record is there whole or not at all.

    Args:
        folder: made where there is none.
        key: fingerprint of what decides the results; records of another one are not returned.
    """

    def __init__(self, folder: Path, key: str):
        self.folder, self.key = Path(folder), key
        self.folder.mkdir(parents=True, exist_ok=True)

    def _path(self, image_id: int) -> Path:
        return self.folder / f'{int(image_id):012d}.json'

    def get(self, image_id: int) -> dict | None:
        """The record of an image, or None where there is none that fits; a torn file is none."""
        try:
            record = json.loads(self._path(image_id).read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return record if record.get('key') == self.key else None

    def put(self, image_id: int, record: dict) -> dict:
        """Write a record at once; returns it as `get` will."""
        path = self._path(image_id)
        partial = path.with_suffix('.partial')
        text = json.dumps(dict(record, key=self.key))
        partial.write_text(text)
        os.replace(partial, path)
        return json.loads(text)
