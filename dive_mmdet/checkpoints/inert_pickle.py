"""A reader of pickles, for `torch.load`, that makes tensors and plain values and calls nothing else.

torch's own weights-only reader can be told of further types since torch 2.6 alone, so this one serves every torch.
"""
import pickle
from collections import Counter, OrderedDict
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import _utils


def full_name(named) -> str:
    return f'{named.__module__}.{named.__name__}'


# As pickles of protocol 2, which torch writes, spell the modules of today.
OLD_MODULES = {'__builtin__': 'builtins', 'copy_reg': 'copyreg'}
BUILT = {full_name(function): function for function in (
    Counter, OrderedDict, bytearray, bytes, complex, set, torch.Size, torch.device, _utils._rebuild_parameter,
    _utils._rebuild_tensor, _utils._rebuild_tensor_v2)}
BUILT['_codecs.encode'] = lambda text, encoding: text.encode('latin1')  # how protocol 2 spells bytes
NAMED = {f'torch.{name}': value for name, value in vars(torch).items() if isinstance(value, torch.dtype)}
NAMED['torch.storage.UntypedStorage'] = torch.UntypedStorage
UNUSED = (pickle.INST, pickle.OBJ, pickle.NEWOBJ_EX, pickle.EXT1, pickle.EXT2, pickle.EXT4)


class NotPlain(pickle.UnpicklingError):
    """A pickle asks for an object of a type that is not built; the message is its full name."""


class Placeholder(dict):
    """Stands for an object that is not built; what belonged to it is dropped."""

    def __new__(cls, *args):
        return super().__new__(cls)

    def __init__(self, *args):
        super().__init__()


def inert_pickle(stand_ins: Mapping[str, Any]) -> SimpleNamespace:
    """What `torch.load` takes as `pickle_module`.

    Args:
        stand_ins: what is called in place of further types and functions, by their full names.

    Raises (when reading):
        NotPlain: the pickle asks for anything else.
    """
    built = {**BUILT, **stand_ins}
    callables = list(built.values())

    # In Python, since the reader in C has no step between an instruction and what it does.
    class Unpickler(pickle._Unpickler):
        dispatch = {code: step for code, step in pickle._Unpickler.dispatch.items() if bytes([code]) not in UNUSED}

        def find_class(self, module: str, name: str):
            full = f'{OLD_MODULES.get(module, module)}.{name}'
            if full in built:
                return built[full]
            if full in NAMED:
                return NAMED[full]
            raise NotPlain(full)

        def load_call(self) -> None:
            arguments, function = self.stack.pop(), self.stack.pop()
            if not any(function is known for known in callables):
                raise NotPlain(full_name(type(function)))
            self.stack.append(function(*arguments))

        def load_state(self) -> None:
            state, owner = self.stack.pop(), self.stack[-1]
            if type(owner) is OrderedDict:  # a module's state_dict carries the versions of its parts so
                vars(owner).update(state)
            elif not isinstance(owner, Placeholder):
                raise NotPlain(full_name(type(owner)))

        dispatch.update({pickle.REDUCE[0]: load_call, pickle.NEWOBJ[0]: load_call, pickle.BUILD[0]: load_state})

    def load(file, **arguments):
        return Unpickler(file, **arguments).load()
    return SimpleNamespace(__name__='inert_pickle', Unpickler=Unpickler, load=load)
