"""Which classes of objects are worth asking about, where there are more than can be asked."""
import torch
from torch import Tensor

from dive_mmdet.inversion.class_pictures import ClassPictures
from dive_mmdet.inversion.dictionary import Dictionary
from dive_mmdet.inversion.posterior import Posterior
from dive_mmdet.inversion.row_vectors import by_token, vectors_of
from dive_mmdet.layout import LayoutVocabulary
from dive_mmdet.layout.vocabulary import CLASS

from .objects import boxes_of, other_classes
from .offers import Offers
from .settings import Shortlist
from .state import SearchState


class LikelyClasses:
    """A shortlist in front of every question about classes, of all objects of an image at once.

    With v, the row of the unknown class, in the place of every object's class, one gradient of the energy E and what
    an object's box holds put class k in its place:

        E(k) - E(v) ~ gradient . (row_k - v) + w expected area |x - a_k|^2,

    x being the content of the box, a_k what the generator expects of class k (`ClassPictures`), and w what an error of
    x_0 weighs in the energy. Terms that are the same for all classes are left out. Where several ids mean one label,
    as a category with its modifiers, they take turns with those of other labels (`by_turns`).

    Args:
        settings: of the shortlist.
    """

    def __init__(self, settings: Shortlist):
        self.settings, self.pictures = settings, None

    def prepare(self, posterior: Posterior) -> int:
        """Make pictures of the classes where they are needed and there are none of this generator; what they cost."""
        if not self.settings.expected or not self.shortens(posterior.vocabulary) or (
                self.pictures is not None and self.pictures.key == Dictionary.key_of(posterior)):
            return 0
        self.pictures = ClassPictures(posterior, self.settings.side)
        return self.pictures.nfe

    def shortens(self, vocabulary: LayoutVocabulary) -> bool:
        """Whether there are more classes than are asked."""
        return vocabulary.num_class_ids - 1 > self.settings.size

    def most_offered(self, vocabulary: LayoutVocabulary) -> int:
        """How many other classes an object is offered at most."""
        return min(vocabulary.num_class_ids - 1, self.settings.size)

    def most_nfe(self, vocabulary: LayoutVocabulary) -> int:
        """What ranking the classes of an image's objects costs at most."""
        return 3 * self.settings.pairs if self.shortens(vocabulary) else 0

    def offers(self, state: SearchState, rows: Tensor, slots: Tensor, ranked: Tensor | None = None) -> Offers:
        """Objects (P,), (P,) with their likeliest other classes, with all others where these are few enough.

        `ranked` saves the evaluations of ranking them once more.
        """
        if not self.shortens(state.vocabulary) or not len(rows):
            return other_classes(state, rows, slots)
        ranked = self.ranked(state, rows, slots) if ranked is None else ranked
        return other_classes(state, rows, slots, state.vocabulary.class_ids[ranked[:, :self.settings.size]])

    def ranked(self, state: SearchState, rows: Tensor, slots: Tensor) -> Tensor:
        """Places of classes in `class_ids`, the likeliest of each object first and its own last, (P,), (P,) -> (P, M).
        """
        vocabulary, boxes = state.vocabulary, boxes_of(state, rows, slots)
        every, row = rows.unique(return_inverse=True)
        cost = self._first_order(state, every)[row, slots]
        if self.pictures is not None:
            area = ((boxes[:, 2:] - boxes[:, :2]).double() / (vocabulary.grid - 1)).prod(dim=1)
            weight = self.settings.expected * state.posterior.likelihood.sample_weight(self._pairs(state)) * area
            cost = cost + weight[:, None] * self.pictures.distances(state.posterior, state.images[rows], boxes)
        own = vocabulary.objects(state.ids)[rows, slots, CLASS][:, None] == vocabulary.class_ids
        return by_turns(cost, vocabulary.class_labels, own)

    def _pairs(self, state: SearchState) -> int:
        return min(self.settings.pairs, state.pairs)

    def _first_order(self, state: SearchState, rows: Tensor) -> Tensor:
        """Gradient times row of each class, of all objects of rows (R,), (R, K, M); 0 where an image cannot pay."""
        vocabulary, generator = state.vocabulary, state.posterior.generator
        cost = torch.zeros(len(rows), vocabulary.num_objects, vocabulary.num_class_ids, dtype=torch.float64)
        paid = state.pays(rows, 3 * self._pairs(state))
        ids = state.ids[rows[paid]].clone()
        vocabulary.objects(ids)[..., CLASS].masked_fill_(vocabulary.is_present(ids), vocabulary.any_class)
        if len(ids):
            device = state.posterior.latents.device
            gradient = state.posterior.gradient(state.images[rows[paid]], generator.embed(ids.to(device)),
                                                torch.arange(self._pairs(state)))     # (R, L S, D)
            gradient = by_token(gradient, vocabulary.length).transpose(1, 2)          # (R, S D, L)
            of_class = vocabulary.objects(gradient)[..., CLASS]                       # (R, S D, K)
            of_rows = vectors_of(generator, vocabulary.class_ids.to(device)).detach()  # (M, S D)
            cost[paid] = (of_class.transpose(1, 2).double() @ of_rows.double().T).cpu()
        return cost


def by_turns(cost: Tensor, labels: Tensor, own: Tensor) -> Tensor:
    """Class ids in the order of what they cost, such that those of one label do not stand together.

    Of every label the cheapest id comes first, then of every label the next; before them all come the ids of the label
    that an object has, and last the very id that it has.

    Args:
        cost: (P, M).
        labels: (M,) which the ids mean.
        own: (P, M) bool, the id that an object has, if any.

    Returns:
        (P, M) places of the ids.
    """
    order = cost.argsort(dim=1, stable=True)
    meant = labels[order]
    by_label = meant.argsort(dim=1, stable=True)
    grouped = meant.gather(1, by_label).contiguous()
    among = torch.arange(order.shape[1]) - torch.searchsorted(grouped, grouped)       # in the order of `by_label`
    turn = torch.zeros_like(order).scatter(1, by_label, among)
    label = torch.where(own.any(dim=1), labels[own.int().argmax(dim=1)], -1)
    turn = torch.where(meant == label[:, None], -1, turn).masked_fill(own.gather(1, order), order.shape[1])
    return order.gather(1, turn.argsort(dim=1, stable=True))
