"""A finished image as the tools read it."""
from dataclasses import dataclass
from functools import cached_property

Image = int | str


@dataclass(frozen=True)
class Record:
    """What was stored of one image.

    Attributes:
        image: its id; where the data set has none its path, else its index.
        found: fields and metas that the model added to the sample, as plain data.
        seconds: that it took.
        nfe: network function evaluations spent on it; 0 for models that count none.
        truth: the true class of a classifier's image, None of a detector's.
        content: what the model saw of it, see `GuardedItem.content`.
    """
    image: Image
    found: dict
    seconds: float = 0.0
    nfe: float = 0.0
    truth: int | None = None
    content: str | None = None

    @classmethod
    def from_plain(cls, plain: dict) -> 'Record':
        """From what a run wrote."""
        truth = plain.get('truth')
        return cls(plain['image'], plain['found'], plain.get('seconds', 0.0), plain.get('nfe', 0.0),
                   truth[0] if isinstance(truth, list) else truth, plain.get('content'))

    @property
    def inversion(self) -> dict | None:
        """What a search found, as `Inversion.per_image` tells it; None of models that search nothing."""
        return self.found['metas'].get('inversion')

    @property
    def shared_nfe(self) -> float:
        """Evaluations that all images share, as far as they had been made then."""
        return self.found['metas'].get('shared_nfe', 0)

    @cached_property
    def detections(self) -> list[tuple[list[float], float, int]]:
        """Boxes x0, y0, x1, y1 in pixels of the original image, scores and labels."""
        instances = self.found['fields'].get('pred_instances', {}).get('instances', {})
        return list(zip(*(instances[name]['tensor'] for name in ('bboxes', 'scores', 'labels')))) if instances else []

    @property
    def scores(self) -> list[float]:
        """A classifier's score of every class."""
        return self.found['fields']['pred_score']['tensor']

    @property
    def label(self) -> int:
        """A classifier's answer."""
        return self.found['fields']['pred_label']['tensor'][0]
