"""Training p(layout) by the ordinary Runner."""
import pickle
from pathlib import Path

import torch
from mmengine.model import BaseModel
from torch import Tensor

from dive_mmdet.diffusion.token_table import TokenTable
from dive_mmdet.layout import LayoutTokenizer, LayoutVocabulary
from dive_mmdet.registry import MODELS

from .ground_truth import true_layouts

TABLE_KEY = 'backbone.table.weight'


@MODELS.register_module()
class LayoutPriorModel(BaseModel):
    """`loss` trains the prior on annotated layouts; images are not looked at. Its weights are named `prior.*`.

    Args:
        prior: config of the prior.
        vocabulary, table: as in the generator.
        generator: checkpoint of the generator, whose frozen table gives the rows.
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
        frozen = TokenTable(self.tokenizer.vocabulary, **table).weight.detach()
        self.noises, self.class_dropout = noises, class_dropout
        table = read_table(generator, frozen.shape)
        self.prior = MODELS.build(prior)
        self.prior.set_scale(table)
        # The id `any_class` is one beyond the table.
        any_class = table[self.tokenizer.vocabulary.class_ids].mean(dim=0, keepdim=True)
        self.register_buffer('table', torch.cat([table, any_class]), persistent=False)

    def forward(self, inputs: Tensor, data_samples: list | None = None, mode: str = 'tensor'):
        """Samples -> rows (N, L, D), losses, or samples with the prior's energy."""
        ids = true_layouts(data_samples, self.tokenizer).to(self.table.device)
        rows = self.table[ids]
        if mode == 'tensor':
            return rows
        if mode == 'loss':
            hidden = self.tokenizer.vocabulary.hide_classes(ids.repeat(self.noises, 1), self.class_dropout)
            return dict(loss=self.prior.loss(self.table[hidden]))
        shuffled = self.table[self._foreign_layouts(ids)]
        for sample, true, wrong in zip(data_samples, self.prior.energy(rows).tolist(),
                                       self.prior.energy(shuffled).tolist()):
            sample.set_metainfo(dict(energies=dict(true=true, random=wrong)))
        return data_samples

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


def read_table(path: str, shape: torch.Size) -> Tensor:
    """The token table of a generator checkpoint, (num_tokens, D)."""
    if not Path(path).is_file():
        raise FileNotFoundError(f'No generator checkpoint at {path}: train the generator first, or set '
                                'model.generator to where it is.')
    try:
        checkpoint = torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError:
        raise ValueError(f'{path} is not plain weights; a checkpoint of the Runner becomes one by '
                         '`python tools/misc/publish_weights.py IN OUT`.') from None
    table = checkpoint.get('state_dict', checkpoint).get(TABLE_KEY)
    if table is None or table.shape != shape:
        found = 'none' if table is None else tuple(table.shape)
        raise ValueError(f'{path} should hold {TABLE_KEY} of {tuple(shape)}, found {found}: it belongs to another '
                         'config.')
    return table.float()
