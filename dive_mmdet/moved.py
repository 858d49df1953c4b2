"""Settings that have moved are refused with their new names."""
from collections.abc import Iterable, Mapping


def refuse(owner: str, given: Iterable[str], moved: Mapping[str, str]) -> None:
    """Refuse settings that `owner` does not take.

    Args:
        owner: as a config's `type` names it.
        given: names of settings that its constructor does not know.
        moved: where those that it once knew are set now.

    Raises:
        ValueError: one has moved; the sentence says where to.
        TypeError: it was never known.
    """
    for name in given:
        if name in moved:
            raise ValueError(f'{owner} takes no `{name}`: set {moved[name]} instead.')
        raise TypeError(f'{owner} takes no `{name}`.')
