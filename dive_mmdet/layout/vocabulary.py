"""Which ids exist, and which of them every position of a layout sequence may take."""
import math
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

CLASS, TOP_LEFT, BOTTOM_RIGHT = range(3)
TOKENS_PER_OBJECT = 3


class LayoutVocabulary:
    """Ids of a layout: (class, top-left, bottom-right) x `num_objects`, then the crop's two corners if it is encoded.

    The published layout model keeps class and corner ids in one range (`shared_ids=True`): id 5 is both a class and a
    corner, and only the position tells them apart. With `shared_ids=False` the classes follow the corners, so that
    every id has a meaning of its own. The none id is the last one in both.

    Args:
        num_classes: C, number of categories.
        num_objects: K, number of object slots.
        grid: n, grid points an axis; corner ids are 0 .. n*n - 1. Needed unless `num_tokens` is given.
        num_tokens: rows of a published table, from which n = floor(sqrt(num_tokens)) follows. Needs `shared_ids`.
        shared_ids: classes share the range of the corners (taming-transformers, `objects_bbox.py`).
        encode_crop: two more tokens hold the crop's corners.
        use_group: class ids are doubled by a group flag, category + C.
        use_additional: modifier bits group (1), occluded (2), depiction (4), inside (8); needs `use_group`.
        answers: for each label of a data set with other classes, the categories that mean it, none or several; answers
            then are these categories without modifiers. By default every category is a label, with all modifiers.
        num_added: how many of the last categories were learned after the generator and the prior were trained; an
            object of unknown class is the mean of the others, as it was then, and for a prior these are unknown.

    Raises:
        ValueError: a size is missing, contradicts another or does not fit the table.
    """

    has_objects = True

    def __init__(self, num_classes: int, num_objects: int, grid: int | None = None, num_tokens: int | None = None,
                 shared_ids: bool = False, encode_crop: bool = False, use_group: bool = False,
                 use_additional: bool = False, answers: Sequence[Sequence[int]] | None = None, num_added: int = 0):
        if num_classes < 1 or num_objects < 1:
            raise ValueError(f'A layout needs classes and object slots, got num_classes={num_classes} and '
                             f'num_objects={num_objects}: give both as positive integers.')
        if use_additional and not use_group:
            raise ValueError('use_additional=True needs use_group=True: the group flag is the first modifier bit.')
        if not 0 <= num_added < num_classes or (num_added and (shared_ids or use_group)):
            raise ValueError(f'{num_added} of {num_classes} classes cannot be added ones: give num_added below '
                             'num_classes, and neither shared_ids, under which a class has no row of its own, nor '
                             'use_group, under which it has several.')
        if shared_ids != (num_tokens is not None) or shared_ids == (grid is not None):
            raise ValueError('Give num_tokens with shared_ids=True, or grid with shared_ids=False.')
        self.num_classes, self.num_objects, self.num_added = num_classes, num_objects, num_added
        self.encode_crop, self.use_group, self.use_additional = encode_crop, use_group, use_additional
        self.shared_ids = shared_ids
        self.modifier_bits = 4 if use_additional else 1 if use_group else 0
        all_class_ids = num_classes << self.modifier_bits
        self.grid = math.isqrt(num_tokens) if shared_ids else grid
        if self.grid < 2:
            raise ValueError(f'A corner grid of {self.grid} points an axis cannot hold a box: use at least 2.')
        self.class_offset = 0 if shared_ids else self.num_corners
        self.num_tokens = num_tokens if shared_ids else self.num_corners + all_class_ids + 1
        self.none = self.num_tokens - 1
        # Stands for an object of unknown class in questions to a generator; never in a layout that is an answer.
        self.any_class = self.num_tokens
        if all_class_ids > self.none:
            raise ValueError(f'{all_class_ids} class ids do not fit a table of {self.num_tokens} rows whose last '
                             'one is none: use a larger table or fewer classes.')
        meant = [(category, label) for label, categories in enumerate(answers or ()) for category in categories]
        if answers is not None and sorted({category for category, _ in meant} - set(range(num_classes))):
            raise ValueError(f'The answers name categories that are none of the {num_classes}.')
        if len({category for category, _ in meant}) < len(meant) or (answers is not None and not meant):
            raise ValueError('The answers must name categories, each under one label.')
        self.answers, self.num_labels = answers, num_classes if answers is None else len(answers)
        categories, labels = torch.tensor(meant).T if meant else (torch.arange(all_class_ids),) * 2
        # Ids that an answer may name a class with, (M,), and the labels of the data set that they mean.
        self.class_ids, self.class_labels = categories + self.class_offset, labels % self.num_labels

    def require_known(self, ids: Tensor) -> None:
        """Raises ValueError where an id is none of the vocabulary, whose classes follow the corners."""
        if ids.numel() and (int(ids.min()) < 0 or int(ids.max()) > self.none):
            wrong = int(ids.min()) if int(ids.min()) < 0 else int(ids.max())
            raise ValueError(f'Id {wrong} is none of the vocabulary, whose corners are 0 to {self.num_corners - 1}, '
                             f'classes up to {self.none - 1} and none {self.none}: tokenise with the vocabulary of '
                             'this generator.')

    @property
    def num_class_ids(self) -> int:
        """M, how many class ids an answer may take."""
        return len(self.class_ids)

    @property
    def known_class_ids(self) -> Tensor:
        """Ids whose mean row is an object of unknown class, (m,): answers that were not added, or, where all were, all
        categories that were not."""
        first = self.class_offset + self.num_classes - self.num_added
        known = self.class_ids[self.class_ids < first] if self.num_added else self.class_ids
        return known if len(known) else torch.arange(self.class_offset, first)

    def hide_added(self, ids: Tensor) -> Tensor:
        """Layouts whose objects of added classes are of `any_class`, (N, L) -> (N, L)."""
        if not self.num_added:
            return ids
        ids = ids.clone()
        classes = self.objects(ids)[..., CLASS]
        classes.masked_fill_((classes >= self.none - self.num_added) & (classes < self.none), self.any_class)
        return ids

    @property
    def num_corners(self) -> int:
        return self.grid ** 2

    @property
    def length(self) -> int:
        """L, tokens of a layout."""
        return self.num_objects * TOKENS_PER_OBJECT + 2 * self.encode_crop

    def class_places(self, class_ids: Tensor) -> Tensor:
        """Where class ids stand in `class_ids`, (...) -> (...); 0 for ids that do not."""
        return (class_ids[..., None] == self.class_ids).int().argmax(dim=-1)

    def categories(self, labels: Tensor) -> Tensor:
        """The first category that means each label, (k,) -> (k,).

        Raises:
            ValueError: a label that no category means.
        """
        if self.answers is None:
            return labels
        meant = self.class_labels == labels[:, None]                                  # (k, M)
        if not bool(meant.any(dim=1).all()):
            nothing = int(labels[~meant.any(dim=1)][0])
            raise ValueError(f'No category of the vocabulary means label {nothing}: leave it out of the annotations.')
        return (self.class_ids - self.class_offset)[meant.int().argmax(dim=1)]

    @cached_property
    def corner_ids(self) -> Tensor:
        """Ids that name a grid point, (n n,)."""
        return torch.arange(self.num_corners)

    @cached_property
    def slot_kinds(self) -> Tensor:
        """What each position holds: CLASS, TOP_LEFT or BOTTOM_RIGHT, (L,); the crop counts as two corners."""
        kinds = torch.arange(self.num_objects * TOKENS_PER_OBJECT) % TOKENS_PER_OBJECT
        return torch.cat([kinds, torch.tensor([TOP_LEFT, BOTTOM_RIGHT])]) if self.encode_crop else kinds

    @property
    def slot_candidates(self) -> list[tuple[Tensor, Tensor]]:
        """Positions and the ids that an answer may have there before it is `settled`.

        Corner slots never go to none: whether an object is present is decided by its class slot alone.
        """
        is_class = self.slot_kinds == CLASS
        classes = torch.cat([self.class_ids, torch.tensor([self.none])])
        return [(is_class.nonzero()[:, 0], classes), ((~is_class).nonzero()[:, 0], self.corner_ids)]

    def settled(self, ids: Tensor) -> Tensor:
        """Absent objects absent as a whole, (B, L) -> (B, L)."""
        ids = ids.clone()
        self.objects(ids)[~self.is_present(ids)] = self.none
        return ids

    def objects(self, ids: Tensor) -> Tensor:
        """The object part of layouts as triples, (..., L) -> (..., K, 3)."""
        return ids[..., :self.num_objects * TOKENS_PER_OBJECT].unflatten(-1, (self.num_objects, TOKENS_PER_OBJECT))

    def is_present(self, ids: Tensor) -> Tensor:
        """Which objects exist: the class slot alone decides, (..., L) -> (..., K) bool."""
        return self.objects(ids)[..., CLASS] != self.none

    def hide_classes(self, ids: Tensor, probability: float, rng: torch.Generator | None = None) -> Tensor:
        """Layouts some of whose objects are of `any_class`, each with that probability, (N, L) -> (N, L)."""
        if not probability:
            return ids
        ids = ids.clone()
        classes = self.objects(ids)[..., CLASS]
        hidden = (torch.rand(classes.shape, generator=rng).to(ids.device) < probability) & self.is_present(ids)
        classes.masked_fill_(hidden, self.any_class)
        return ids

    def dropped(self, ids: Tensor, which: Tensor) -> Tensor:
        """Layouts some of which lose all of their objects, (N, L), (N,) bool -> (N, L)."""
        ids = ids.clone()
        self.objects(ids)[which] = self.none
        return ids

    def empty(self) -> Tensor:
        """The layout without objects, (L,); a crop is the whole image."""
        ids = torch.full((self.length,), self.none)
        if self.encode_crop:
            ids[-2:] = torch.tensor([0, self.num_corners - 1])
        return ids
