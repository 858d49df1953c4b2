"""COCO-format annotations that must fit a generator's vocabulary."""
import cv2
from mmdet.datasets import CocoDataset
from mmengine.fileio import exists

from dive_mmdet.registry import DATASETS

from .annotation_file import AnnotationFile

# Annotation tools round, so a box may leave its image by this many pixels; resizing clips it.
TOLERANCE = 1.0


@DATASETS.register_module()
class LayoutCocoDataset(CocoDataset):
    """mmdet's `CocoDataset`, which refuses what it would otherwise drop, move or relabel without a word.

    mmdet leaves out boxes without area or outside the image, numbers classes in the order of the file whatever
    `classes` says, and scales boxes by the size of an image file whatever size was annotated. A generator would be
    trained on layouts that lack objects, or drawn under wrong names.

    Args:
        num_classes: of the generator's vocabulary.
        num_objects: its object slots; None where annotations are only evaluated against, which need not be layouts.
        max_images: keep only the first ones; all by default.
        coco: arguments of `CocoDataset`.

    Raises:
        FileNotFoundError: there is no annotation file.
        ValueError: a file that is not sound (see `AnnotationFile`), classes that match neither the vocabulary nor the
            file, an image that has more objects than slots, a box outside its image or without area, no image left,
            or (when it is asked for) an image that cannot be read or has another size than annotated.
    """
    COCOAPI = AnnotationFile

    def __init__(self, *, num_classes: int, num_objects: int | None = None, max_images: int | None = None, **coco):
        self.num_classes, self.num_objects, self.max_images = num_classes, num_objects, max_images
        super().__init__(**coco)

    def load_data_list(self) -> list[dict]:
        """All images of the file."""
        classes = self.metainfo['classes']
        if isinstance(classes, str):
            raise ValueError(f"The classes are the text '{classes}': write ('{classes}',), with a comma, for one.")
        if len(classes) != self.num_classes:
            raise ValueError(f'The data set has {len(classes)} classes ({", ".join(classes)}) and the vocabulary '
                             f'{self.num_classes}: set num_classes of the vocabulary to the number of classes.')
        if not exists(self.ann_file):
            raise FileNotFoundError(f'There is no annotation file {self.ann_file}: give data_root and ann_file of your '
                                    'data in the config; the example data sets are written by the programs in '
                                    'tools/dataset_converters.')
        return super().load_data_list()

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """One image in mmdet's format."""
        self._check_categories()
        if self.num_objects is not None:
            self._check_layout(raw_data_info['raw_img_info'], raw_data_info['raw_ann_info'])
        return super().parse_data_info(raw_data_info)

    def filter_data(self) -> list[dict]:
        """Images that are kept; those without objects are left out where it says so, whatever crowds they hold."""
        kept = super().filter_data()
        if not self.test_mode and (self.filter_cfg or {}).get('filter_empty_gt', False):
            kept = [info for info in kept if not all(instance['ignore_flag'] for instance in info['instances'])]
        kept = kept[:self.max_images]
        if not kept:
            raise ValueError(f'{self.ann_file} has no image with an object of the classes '
                             f'{", ".join(self.metainfo["classes"])}: give the annotation file that has them.')
        return kept

    def prepare_data(self, idx: int) -> dict:
        """One image after the pipeline."""
        info = self.get_data_info(idx)
        path, annotated = info['img_path'], (info['height'], info['width'])
        try:
            data = self.pipeline(info)
        except (AssertionError, OSError, cv2.error):
            if cv2.imread(path) is not None:
                raise
            raise ValueError(f'Image {path} cannot be read: replace the file, or remove the image from '
                             f'{self.ann_file}.') from None
        self._check_size(path, annotated, tuple(info.get('ori_shape', annotated)))  # the loader's note in `info`
        return data

    def _check_size(self, path: str, annotated: tuple[int, int], found: tuple[int, int]) -> None:
        if found == annotated:
            return
        cure = 'annotate the file as it is, or restore it'
        if found[::-1] == annotated:
            cure = f"load it with color_type='color_ignore_orientation' if its EXIF data turn it, else {cure}"
        raise ValueError(f'Image {path} has {found[1]} x {found[0]} pixels, and {self.ann_file} says {annotated[1]} x '
                         f'{annotated[0]}: {cure}.')

    def _check_categories(self) -> None:
        classes = list(self.metainfo['classes'])
        found = [self.coco.cats[category]['name'] for category in self.cat_ids]
        if found != classes:
            every = [category['name'] for category in self.coco.cats.values()]
            raise ValueError(f'The classes {", ".join(classes)} do not match the categories of {self.ann_file}, which '
                             f'are {", ".join(every)}: use names of the file in the order of the file.')

    def _check_layout(self, image: dict, annotations: list[dict]) -> None:
        objects = [annotation for annotation in annotations if annotation['category_id'] in self.cat_ids
                   and not annotation.get('ignore', False) and not annotation.get('iscrowd', False)]
        where = f'image {image["file_name"]} in {self.ann_file}'
        for annotation in objects:
            x, y, width, height = box = annotation['bbox']
            what = f'Box {box} of annotation {annotation["id"]}, {where},'
            # Negated, so that NaN is refused too; mmdet drops what is thinner than a pixel.
            if not (width >= 1 and height >= 1 and annotation['area'] > 0):
                raise ValueError(f'{what} has no area: remove it from the annotations.')
            if not (min(x, y) >= -TOLERANCE and x + width <= image['width'] + TOLERANCE
                    and y + height <= image['height'] + TOLERANCE):
                raise ValueError(f'{what} leaves the image of {image["width"]} x {image["height"]} pixels: clip it in '
                                 'the annotations.')
        if len(objects) > self.num_objects:
            most = max(map(len, self.coco.imgToAnns.values()))
            raise ValueError(f'{len(objects)} objects of {where} do not fit {self.num_objects} slots: raise '
                             f'num_objects, to {most} for all images, or leave the image out of the annotations.')
