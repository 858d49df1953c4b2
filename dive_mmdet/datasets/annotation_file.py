"""COCO annotation files, whose keys and references are checked before anything is made of them."""
import contextlib
import io
import json
from pathlib import Path

from mmdet.datasets.api_wrappers import COCO

NEEDED = dict(images=('id', 'file_name', 'width', 'height'), categories=('id', 'name'),
              annotations=('id', 'image_id', 'category_id', 'bbox', 'area', 'iscrowd'))
# Evaluations calculate with the ids of annotations.
ID_TYPES = dict(images=(int, str), categories=(int, str), annotations=(int,))
DEFAULTS = ('area', 'iscrowd')
REFERENCES = dict(image_id='images', category_id='categories')


class AnnotationFile(COCO):
    """`COCO` of pycocotools and mmdet over a file that was checked.

    Annotation 0 gets another id: an evaluation would take what it matches for unmatched.

    Args:
        path: of the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: see `read_annotations` and `require_sound`.
    """

    def __init__(self, path: str | Path):
        super().__init__()
        self.dataset = read_annotations(path)
        require_sound(self.dataset, path)
        for annotation in self.dataset['annotations']:
            if annotation['id'] == 0:
                annotation['id'] = 1 + max(other['id'] for other in self.dataset['annotations'])
        with contextlib.redirect_stdout(io.StringIO()):
            self.createIndex()
        self.img_ann_map, self.cat_img_map = self.imgToAnns, self.catToImgs


def read_annotations(path: str | Path) -> dict:
    """The content of a COCO file, unchecked but for its three lists; a file of images alone has no annotations.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not JSON, or not COCO's.
    """
    try:
        content = json.loads(Path(path).read_bytes())
    except FileNotFoundError:
        raise FileNotFoundError(f'{path} is missing: give a COCO annotation file.') from None
    except ValueError as error:
        raise ValueError(f'{path} is no JSON file ({error}): give a COCO annotation file.') from None
    content = content if isinstance(content, dict) else {}
    content.setdefault('annotations', [])
    for part in NEEDED:
        if not isinstance(content.get(part), list):
            raise ValueError(f"{path} is no COCO annotation file: it has no list '{part}'.")
    return content


def completed(content: dict) -> dict:
    """The same with the defaults of COCO where keys are missing that tools read.

    Annotations get iscrowd and area, categories their supercategory, the file its info and licenses.
    """
    annotations = [{**item, 'iscrowd': item.get('iscrowd', 0), 'area': item.get('area', _area(item))}
                   for item in content['annotations']]
    categories = [{**item, 'supercategory': item.get('supercategory', item.get('name'))}
                  for item in content['categories']]
    return {'info': {}, 'licenses': [], **content, 'annotations': annotations, 'categories': categories}


def _area(annotation: dict) -> float:
    *_, width, height = annotation.get('bbox') or (0, 0)
    return width * height


def require_sound(content: dict, path: str | Path) -> None:
    """Refuse what would put boxes on other images, under other names, or end an evaluation after its last image.

    Raises:
        ValueError: an entry lacks a key, an id is doubled or of another type than the others, or an annotation belongs
            to an image or a category that the file does not have; the sentence names file, id and places.
    """
    known = {part: _places_by_id(content, part, path) for part in NEEDED}
    for index, annotation in enumerate(content['annotations']):
        for key, part in REFERENCES.items():
            wanted, places = annotation[key], known[part]
            if isinstance(wanted, (int, str)) and wanted in places:
                continue
            twin = next((id_ for id_ in places if str(id_) == str(wanted)), None)
            ids = (f'the ids of its {len(places)} {part} are {_listed(places)}' if twin is None else
                   f'{_place(content, part, places[twin])} has the id {twin!r}')
            raise ValueError(f'{_place(content, "annotations", index)} of {path} has the {key} {wanted!r}, but {ids}: '
                             'write both alike.')


def _places_by_id(content: dict, part: str, path: str | Path) -> dict[int | str, int]:
    """Places of a list's entries."""
    places = {}
    for index, item in enumerate(content[part]):
        missing = next((key for key in NEEDED[part] if key not in item), None)
        if missing:
            default = ", or let tools/misc/extract_subcoco.py --all add COCO's default" if missing in DEFAULTS else ''
            raise ValueError(f'{_place(content, part, index)} of {path} has no {missing}: write COCO format{default}.')
        if type(item['id']) not in ID_TYPES[part]:
            raise ValueError(f'{_place(content, part, index)} of {path} has the id {item["id"]!r}: write a whole number'
                             f'{" or text" if str in ID_TYPES[part] else ""}.')
        first = places.setdefault(item['id'], index)
        if first != index:
            raise ValueError(f'{_place(content, part, first)} and {_place(content, part, index)} of {path} have the '
                             f'same id {item["id"]!r}: give each of the {part} an id of its own.')
        if type(item['id']) is not type(content[part][0]['id']):
            raise ValueError(f'{_place(content, part, 0)} and {_place(content, part, index)} of {path} have ids of two '
                             f'types, {content[part][0]["id"]!r} and {item["id"]!r}: write numbers or text throughout.')
    return places


def _place(content: dict, part: str, index: int) -> str:
    """Where an entry stands, by its number and by what it is called."""
    item = content[part][index]
    name = item.get('file_name', item.get('name', f'id {item.get("id")!r}'))
    return f'{part}[{index}] ({name})'


def _listed(ids) -> str:
    """Ids, of many the first and the last."""
    ids = list(map(repr, ids))
    return f'[{", ".join(ids if len(ids) <= 4 else [*ids[:3], "...", ids[-1]])}]'
