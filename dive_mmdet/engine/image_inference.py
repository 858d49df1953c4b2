"""One batch through a model, and what to do about the images that fail in it."""
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from mmengine.runner import autocast
from mmengine.structures import BaseDataElement
from torch import nn

from dive_mmdet.datasets.guarded import GuardedItem, one_line
from dive_mmdet.hooks.unwrapped import unwrapped

from .records.plain_samples import is_finite, to_plain


@dataclass
class Outcome:
    """What became of an image: a sample with predictions, and the same as plain data; or why there is none."""
    item: GuardedItem
    sample: BaseDataElement | None = None
    found: dict | None = None
    seconds: float = 0.0
    failure: str = ''


class ImageInference:
    """Images that fail are told from those beside them, and not finite results are tried again in float32.

    Args:
        model: any model of the framework.
        collate: makes a batch of items.
        fp16: under the framework's autocast.
        strict: an image that fails ends the run.
    """

    def __init__(self, model: nn.Module, collate: Callable, fp16: bool, strict: bool):
        self.model, self.collate, self.fp16, self.strict = model, collate, fp16, strict

    def run(self, items: list[GuardedItem]) -> list[Outcome]:
        """Predict the images of one batch; those that could not be read have failed already.

        Raises:
            Exception: under `strict` the first failure; always what leaves the device unusable.
        """
        unread = [self._failed(item, RuntimeError(item.reason)) for item in items if item.data is None]
        return unread + self._run([item for item in items if item.data is not None])

    def _run(self, items: list[GuardedItem]) -> list[Outcome]:
        if not items:
            return []
        start = time.monotonic()
        try:
            outcomes = [self._checked(*pair) for pair in zip(items, self._predict(items, self.fp16))]
        except Exception as error:
            if isinstance(error, getattr(torch, 'AcceleratorError', ())):
                raise
            if len(items) > 1:
                return [outcome for item in items for outcome in self._run([item])]
            outcomes = [self._again(items[0], error)]
        for outcome in outcomes:
            outcome.seconds = (time.monotonic() - start) / len(items)
        return outcomes

    def _predict(self, items: list[GuardedItem], fp16: bool) -> list[BaseDataElement]:
        with torch.no_grad(), autocast(enabled=fp16):
            # mmpretrain's models write into the samples that they are given.
            return self.model.test_step(self.collate([item.copied() for item in items]))

    def _checked(self, item: GuardedItem, sample: BaseDataElement) -> Outcome:
        found = to_plain(sample, item.sample)
        if not is_finite(found):
            return self._again(item, FloatingPointError('The result is not finite.'))
        return Outcome(item, sample, found)

    def _again(self, item: GuardedItem, error: Exception) -> Outcome:
        """Once more in float32, where it was not in float32 already."""
        with in_float32(self.model) as lower:
            if lower or self.fp16:
                try:
                    sample, = self._predict([item], fp16=False)
                    found = to_plain(sample, item.sample)
                    if is_finite(found):
                        return Outcome(item, sample, found)
                except Exception as other:
                    error = other
        return self._failed(item, error)

    def _failed(self, item: GuardedItem, error: Exception) -> Outcome:
        if self.strict:
            raise error
        return Outcome(item, failure=one_line(error))


@contextmanager
def in_float32(model: nn.Module):
    """The objective of an inversion in float32; yields whether it was in another precision."""
    likelihood = getattr(unwrapped(model), 'likelihood', None)
    precision = getattr(likelihood, 'precision', 'float32')
    if precision == 'float32':
        yield False
        return
    likelihood.precision = 'float32'
    try:
        yield True
    finally:
        likelihood.precision = precision
