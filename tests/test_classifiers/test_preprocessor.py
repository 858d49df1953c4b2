"""Channels are counted before anything is computed from them."""
import pytest
import torch
from mmpretrain.models import ClsDataPreprocessor

from dive_mmdet.classifiers import GreyOrColourPreprocessor

SETTINGS = dict(mean=[127.5] * 3, std=[127.5] * 3)


def batch(*channels):
    return [torch.randint(256, (count, 6, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(count))
            for count in channels]


@pytest.mark.parametrize('inputs', [batch(3, 3), batch(1), torch.stack(batch(3, 3, 3))])
def test_images_come_out_as_from_mmpretrain(inputs):
    found, expected = (kind(**SETTINGS)(dict(inputs=inputs))['inputs']
                       for kind in (GreyOrColourPreprocessor, ClsDataPreprocessor))
    assert torch.equal(found, expected) and found.abs().max() <= 1


@pytest.mark.parametrize('inputs, index, count', [(batch(3, 4), 1, 4), (batch(2), 0, 2),
                                                  (torch.stack(batch(4, 4)), 0, 4)])
def test_other_numbers_of_channels_are_refused(inputs, index, count):
    sentence = f'Image {index} of a batch has {count} channels: give grey or colour images, of 1 or 3 channels.'
    with pytest.raises(ValueError, match=f'^{sentence}$'):
        GreyOrColourPreprocessor(**SETTINGS)(dict(inputs=inputs))
