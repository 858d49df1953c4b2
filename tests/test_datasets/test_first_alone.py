"""Batches for a first result soon."""
import pytest

from dive_mmdet.datasets import FirstAloneBatchSampler


@pytest.mark.parametrize('images, batches', [(0, []), (1, [[0]]), (4, [[0], [1, 2, 3]]), (6, [[0], [1, 2, 3], [4, 5]])])
def test_the_first_image_is_alone_and_none_is_left_out(images, batches):
    sampler = FirstAloneBatchSampler(range(images), 3)
    assert list(sampler) == batches and len(sampler) == len(batches)
