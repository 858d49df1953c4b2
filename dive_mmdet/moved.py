"""Settings that have moved are refused with their new names, and unknown ones with those that there are."""
from collections.abc import Iterable, Mapping
from inspect import Parameter, signature


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


def require_taken(kind: type, settings: Iterable[str], key: str) -> None:
    """Refuse what a constructor does not take.

    Args:
        kind: that is built.
        settings: names of its arguments.
        key: where a config has them.

    Raises:
        TypeError: names the setting and those that there are.
    """
    parameters = signature(kind).parameters
    if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    for name in settings:
        if name not in parameters:
            raise TypeError(f'`{key}` has no setting `{name}`: {kind.__name__} has {", ".join(sorted(parameters))}.')
