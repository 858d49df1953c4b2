"""Training p(layout) by the ordinary Runner."""
import pickle
from pathlib import Path

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from dive_mmdet.diffusion.token_table import build_table, embed
from dive_mmdet.layout import LayoutTokenizer, LayoutVocabulary
from dive_mmdet.layout.corruptions import wrong_layouts
from dive_mmdet.registry import MODELS

from .ground_truth import true_layouts
from .seeds import seed_of

TABLE_KEY = 'backbone.table.weight'
WRONG = ('empty', 'dropped', 'extra', 'shrunk', 'grown')  # which layouts it should find less likely, beside random ones


@MODELS.register_module()
class LayoutPriorModel(BaseModel):
    """`loss` trains the prior on annotated layouts; images are not looked at. Its weights are named `prior.*`.

    Args:
        prior: config of the prior.
        vocabulary, table: as in the generator.
        generator: checkpoint of the generator, whose table gives the rows.
        noises: drawn for each layout in each step.
        class_dropout: probability, an object, of standing for any class at training, as in the generator.
        data_preprocessor, init_cfg: as in any BaseModel.

    Raises:
        FileNotFoundError: no checkpoint at `generator`.
        ValueError: it is not plain weights, or holds no table, or one of another size.
    """

    def __init__(self, prior: dict, vocabulary: dict, table: dict, generator: str, noises: int = 1,
                 class_dropout: float = 0.0, data_preprocessor: dict | None = None, init_cfg: dict | None = None):
        super().__init__(data_preprocessor, init_cfg)
        self.tokenizer = LayoutTokenizer(LayoutVocabulary(**vocabulary))
        self.noises, self.class_dropout = noises, class_dropout
        self.table = read_table(generator, build_table(self.tokenizer.vocabulary, table))
        self.prior = MODELS.build(prior)
        self.prior.set_scale(self.table.typical_rows())

    def forward(self, inputs: Tensor, data_samples: list | None = None, mode: str = 'tensor'):
        """Samples -> rows (N, L, D), losses, or samples with the prior's energy."""
        ids = true_layouts(data_samples, self.tokenizer).to(self.table.weight.device)
        rows = self._rows(ids)
        if mode == 'tensor':
            return rows
        if mode == 'loss':
            hidden = self.tokenizer.vocabulary.hide_classes(ids.repeat(self.noises, 1), self.class_dropout)
            return dict(loss=self.prior.loss(self._rows(hidden)))
        for sample, values in zip(data_samples, self.checked_energies(ids, data_samples)):
            sample.set_metainfo(dict(energies=values))
        return data_samples

    def checked_energies(self, ids: Tensor, data_samples: list) -> list[dict[str, float]]:
        """Energies of the true layout, of the same objects at random places and of wrong ones (see `wrong_layouts`)."""
        seeds = [seed_of(sample.get('img_id', 0)) for sample in data_samples]
        wrong = wrong_layouts(ids, self.tokenizer, seeds, shift=0.0)
        layouts = dict(true=ids, random=self._foreign_layouts(ids), **{kind: wrong[kind] for kind in WRONG})
        energies = {kind: self.prior.energy(self._rows(candidates)).tolist() for kind, candidates in layouts.items()}
        changed = {kind: (candidates != ids).any(dim=1).tolist() for kind, candidates in layouts.items()}
        return [{kind: values[image] for kind, values in energies.items() if kind == 'true' or changed[kind][image]}
                for image in range(len(ids))]

    def _rows(self, ids: Tensor) -> Tensor:
        return embed(self.table, ids, self.tokenizer.vocabulary)

    def _foreign_layouts(self, ids: Tensor) -> Tensor:
        """The same objects with random corners: what the prior should find unlikely."""
        vocabulary = self.tokenizer.vocabulary
        generator = torch.Generator().manual_seed(0)
        corners = torch.randint(vocabulary.num_corners, (*ids.shape[:1], vocabulary.num_objects, 2),
                                generator=generator).to(ids)
        ids = ids.clone()
        present = vocabulary.is_present(ids)[..., None]
        objects = vocabulary.objects(ids)[..., 1:]
        objects.copy_(torch.where(present, corners, objects))
        return ids


def read_table(path: str, table: nn.Module) -> nn.Module:
    """The table of a generator checkpoint, frozen: its weights are no parameters and are not saved."""
    if not Path(path).is_file():
        raise FileNotFoundError(f'No generator checkpoint at {path}: train the generator first, or set '
                                'model.generator to where it is.')
    try:
        checkpoint = torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError:
        raise ValueError(f'{path} is not plain weights; a checkpoint of the Runner becomes one by '
                         '`python tools/misc/publish_weights.py IN OUT`.') from None
    weight, shape = checkpoint.get('state_dict', checkpoint).get(TABLE_KEY), table.weight.shape
    if weight is None or weight.shape != shape:
        found = 'none' if weight is None else tuple(weight.shape)
        raise ValueError(f'{path} should hold {TABLE_KEY} of {tuple(shape)}, found {found}: it belongs to another '
                         'config.')
    del table.weight
    table.register_buffer('weight', weight.float(), persistent=False)
    return table
