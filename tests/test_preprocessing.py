"""What images may be, for both frameworks: one or three channels from 0 to 255, or a sentence."""
import cv2
import numpy as np
import pytest
import torch
from mmdet.models import DetDataPreprocessor
from mmdet.structures import DetDataSample
from mmpretrain.models import ClsDataPreprocessor
from mmpretrain.structures import DataSample

from dive_mmdet.classifiers import GreyOrColourPreprocessor
from dive_mmdet.detectors import GreyOrColourDetPreprocessor

SETTINGS = dict(mean=[127.5] * 3, std=[127.5] * 3)
FRAMEWORKS = pytest.mark.parametrize('ours, theirs, sample', [
    (GreyOrColourPreprocessor, ClsDataPreprocessor, DataSample),
    (GreyOrColourDetPreprocessor, DetDataPreprocessor, DetDataSample)], ids=['mmpretrain', 'mmdet'])


def batch(*channels):
    return [torch.randint(256, (count, 6, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(count))
            for count in channels]


def refusal(ours, inputs, samples=None) -> str:
    with pytest.raises(ValueError) as caught:
        ours(**SETTINGS)(dict(inputs=inputs, data_samples=samples))
    return str(caught.value)


@FRAMEWORKS
@pytest.mark.parametrize('inputs', [batch(3, 3), torch.stack(batch(3, 3, 3)), [torch.zeros(3, 2, 2)],
                                    [batch(3)[0].float()], [batch(3)[0].long()], [batch(3)[0] * 1.3 - 20]])
def test_colour_comes_out_as_from_the_framework(ours, theirs, sample, inputs):
    """Values of any type that run from 0 to 255, or were augmented from there."""
    found, expected = (kind(**SETTINGS)(dict(inputs=inputs))['inputs'] for kind in (ours, theirs))
    assert torch.equal(found, expected)


@FRAMEWORKS
@pytest.mark.parametrize('stacked', [False, True])
def test_grey_is_three_equal_colours(ours, theirs, sample, stacked):
    grey = batch(1, 1)
    colour = [image.repeat(3, 1, 1) for image in grey]
    found, expected = (kind(**SETTINGS)(dict(inputs=torch.stack(inputs) if stacked else inputs))['inputs']
                       for kind, inputs in ((ours, grey), (theirs, colour)))
    assert torch.equal(found, expected)


@FRAMEWORKS
@pytest.mark.parametrize('inputs, index, count', [(batch(3, 4), 1, 4), (batch(2), 0, 2),
                                                  (torch.stack(batch(4, 4)), 0, 4)])
def test_other_numbers_of_channels_are_refused(ours, theirs, sample, inputs, index, count):
    assert refusal(ours, inputs) == (f'Image {index} of a batch has {count} channels: give grey or colour images, of 1 '
                                     'or 3 channels.')


@FRAMEWORKS
@pytest.mark.parametrize('image, values', [
    (np.linspace(0, 1, 12, dtype=np.float32), 'float32 values from 0 to 1'),
    (np.linspace(-1, 1, 12), 'float64 values from -1 to 1'),
    (np.linspace(-2.1, 2.6, 12, dtype=np.float32), 'float32 values from -2.1 to 2.6'),
    (np.array([0, np.nan] * 6, np.float32), 'float32 values from nan to nan'),
    (np.linspace(0, 65535, 12).astype(np.int32), 'int32 values from 0 to 65535'),
    (np.linspace(0, 4095, 12).astype(np.float32), 'float32 values from 0 to 4095'),
    (np.array([False, True] * 6), 'bool values from 0 to 1'),
    pytest.param(np.linspace(0, 200, 12).astype(np.uint16), 'uint16 values from 0 to 200', marks=pytest.mark.skipif(
        not hasattr(torch, 'uint16'), reason='torch has no such type and refuses the array itself'))])
def test_values_of_another_scale_are_refused(ours, theirs, sample, image, values):
    path = sample(metainfo=dict(img_path='a.png'))
    said = refusal(ours, [torch.from_numpy(image.reshape(1, 3, 4))], [path])
    assert said == f'Image a.png has {values}: scale them to 0 to 255.'


@FRAMEWORKS
@pytest.mark.parametrize('bits', [10, 12, 14, 16])
@pytest.mark.parametrize('colour', [False, True])
def test_a_file_of_more_bits_is_scaled_rightly_or_refused(tmp_path, ours, theirs, sample, bits, colour):
    """Of sixteen bits readers keep the upper eight: right where all are used, nearly black where fewer are."""
    from mmcv.transforms import LoadImageFromFile
    levels = np.linspace(0, 255, 30 * 40).reshape(30, 40)
    values = np.round(levels * (2 ** bits - 1) / 255).astype(np.uint16)
    path = str(tmp_path / 'deep.png')
    cv2.imwrite(path, np.repeat(values[..., None], 3, axis=2) if colour else values)
    read = torch.from_numpy(LoadImageFromFile()(dict(img_path=path))['img']).permute(2, 0, 1)
    given = [sample(metainfo=dict(img_path=path))]
    if bits == 16:
        found = ours(**SETTINGS)(dict(inputs=[read], data_samples=given))['inputs']
        assert np.abs(found[0].numpy() * 127.5 + 127.5 - levels).max() <= 1
    else:
        assert refusal(ours, [read], given) == (
            f'Image {path} holds uint16 values up to {2 ** bits - 1}, which were read as 8 bits up to '
            f'{2 ** (bits - 8) - 1}: store it with 8 bits a channel, from 0 to 255.')


@FRAMEWORKS
def test_a_dark_file_of_eight_bits_is_dark(tmp_path, ours, theirs, sample):
    path = str(tmp_path / 'dark.png')
    cv2.imwrite(path, np.full((3, 4), 7, np.uint8))
    found = ours(**SETTINGS)(dict(inputs=[torch.full((1, 3, 4), 7, dtype=torch.uint8)],
                                  data_samples=[sample(metainfo=dict(img_path=path))]))['inputs']
    assert torch.equal(found, torch.full((1, 3, 3, 4), (7 - 127.5) / 127.5))
