"""Batches of which the first is one image."""
from collections.abc import Iterator

from torch.utils.data import BatchSampler

from dive_mmdet.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class FirstAloneBatchSampler(BatchSampler):
    """The first image alone, so that a long run shows a result soon; then batches as usual.

    Args:
        sampler: of indices.
        batch_size: of all other batches.
    """

    def __init__(self, sampler, batch_size: int):
        super().__init__(sampler, batch_size, drop_last=False)

    def __iter__(self) -> Iterator[list[int]]:
        batch, size = [], 1
        for index in self.sampler:
            batch.append(index)
            if len(batch) == size:
                yield batch
                batch, size = [], self.batch_size
        if batch:
            yield batch

    def __len__(self) -> int:
        return min(1, len(self.sampler)) + -(-max(0, len(self.sampler) - 1) // self.batch_size)
