"""Seeds of what is drawn for an image."""
import hashlib


def seed_of(image_id: int | str) -> int:
    """A number is its own seed; text has one that is the same in every process."""
    try:
        return int(image_id)
    except ValueError:
        return int.from_bytes(hashlib.sha256(image_id.encode()).digest()[:7])
