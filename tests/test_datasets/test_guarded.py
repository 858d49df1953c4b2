"""Images under the names by which their results are kept."""
import pytest
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS

from dive_mmdet.datasets import GuardedDataset


@DATASETS.register_module()
class ListedDataset(BaseDataset):
    """Images as they are given."""

    def __init__(self, infos):
        self.infos = infos
        super().__init__(pipeline=[])

    def load_data_list(self):
        return self.infos


def guarded(*sets):
    return GuardedDataset(dict(type='ConcatDataset', datasets=[dict(type='ListedDataset', infos=one) for one in sets]))


def test_ids_name_images_then_paths_then_places():
    listed = guarded([dict(img_id=7, img_path='a'), dict(img_path='b'), dict()])
    assert [listed[index].image for index in range(3)] == [7, 'b', 2]


def test_one_id_of_two_images_is_refused_before_one_gets_the_results_of_the_other():
    with pytest.raises(ValueError, match='Image id 1 stands for a/1.png and for b/1.png: give every image an id'):
        guarded([dict(img_id=1, img_path='a/1.png')], [dict(img_id=1, img_path='b/1.png')])


def test_an_image_may_come_twice():
    assert len(guarded([dict(img_id=1, img_path='a')], [dict(img_id=1, img_path='a')])) == 2
