"""The pixels of a square, and boxes that come back from it."""
import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample

from dive_mmdet.datasets import SquareCrop
from dive_mmdet.heads import LayoutHead
from dive_mmdet.layout import LayoutTokenizer, LayoutVocabulary
from dive_mmdet.structures import Inversion


@pytest.mark.parametrize('shape, place, box', [((4, 10), 0.0, (0, 0, 4, 4)), ((4, 10), 0.5, (3, 0, 7, 4)),
                                               ((4, 10), 1.0, (6, 0, 10, 4)), ((9, 4), 1.0, (0, 5, 4, 9))])
def test_a_square_of_the_shorter_side(shape, place, box):
    image = np.arange(np.prod(shape)).reshape(*shape, 1)
    found = SquareCrop(place)(dict(img=image))
    assert found['crop_box'] == box and found['img_shape'] == (4, 4)
    assert np.array_equal(found['img'], image[box[1]:box[3], box[0]:box[2]])


def test_a_place_outside_the_image_is_refused():
    with pytest.raises(ValueError, match='not at 1.5'):
        SquareCrop(1.5)


def test_boxes_come_back_in_pixels_of_the_whole_image():
    vocabulary = LayoutVocabulary(num_classes=2, num_objects=1, grid=11)
    ids = LayoutTokenizer(vocabulary).encode(torch.tensor([[0.0, 0.5, 0.3, 1.0]]), torch.tensor([1]))
    found = Inversion(ids=ids[None], energy=torch.zeros(1), nfe=torch.zeros(1), evidence=torch.ones(1, 1),
                      class_evidence=torch.tensor([[[0.5, 1.0]]]))
    sample = DetDataSample(metainfo=dict(ori_shape=(100, 300), img_shape=(64, 64), crop_box=(200, 0, 300, 100)))
    result, = LayoutHead(labels_per_object=1).decode(found, vocabulary, [sample])
    assert result.bboxes.tolist() == [[200, 50, 230, 100]]
    result, = LayoutHead(labels_per_object=1).decode(found, vocabulary, [sample], rescale=False)
    torch.testing.assert_close(result.bboxes, torch.tensor([[0, 32, 19.2, 64]]))
