"""Weights that do not fit are refused: mmengine's loader only logs them."""
from torch import nn


class WeightsMismatch(RuntimeError):
    """A checkpoint lacks weights of a frozen part, or holds them in another size."""


def require_all_weights(module: nn.Module, name: str) -> None:
    """Make every later loading into `module` fail unless the checkpoint holds all of its weights.

    Raises (when loading):
        WeightsMismatch: names the missing and the misfitting keys.
    """
    def check(state_dict, prefix, *_):
        own = {prefix + key: value for key, value in module.state_dict().items()}
        missing = [key for key in own if key not in state_dict]
        misfit = [f'{key} ({tuple(state_dict[key].shape)}, not {tuple(own[key].shape)})'
                  for key in own if key in state_dict and state_dict[key].shape != own[key].shape]
        if missing or misfit:
            parts = [f'{len(keys)} {what} ({", ".join(keys[:3])}{", ..." if len(keys) > 3 else ""})'
                     for keys, what in ((missing, 'missing'), (misfit, 'of another size')) if keys]
            raise WeightsMismatch(f'The checkpoint does not fit {name}: of {len(own)} keys, {" and ".join(parts)}; '
                                  'use the checkpoint that belongs to this config.')

    module._register_load_state_dict_pre_hook(check)
