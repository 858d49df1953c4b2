"""Training p(x | class) by the ordinary Runner."""
import torch
from mmengine.model import BaseModel
from torch import Tensor

from dive_mmdet.diffusion.precision import mixed_precision, require_precision
from dive_mmdet.inversion.likelihood import Likelihood
from dive_mmdet.moved import refuse
from dive_mmdet.registry import MODELS

from .denoising_loss import DenoisingLoss
from .seeds import seed_of


@MODELS.register_module()
class ClassGeneratorModel(BaseModel):
    """`loss` trains the generator; `predict` asks whether it listens to its class.

    Its weights are named `backbone.*`, as in the classifier.

    Args:
        backbone: config of the generator.
        loss: arguments of `DenoisingLoss` but the generator.
        conditioning_check: arguments of `Likelihood` for the check.
        precision: of the matrix products at training, `float32` or `bfloat16`; the check is always in float32.
        data_preprocessor: as in any BaseModel; images must come out in [-1, 1].
        init_cfg: as in any BaseModel.
    """

    def __init__(self, backbone: dict, loss: dict | None = None, conditioning_check: dict | None = None,
                 precision: str = 'float32', data_preprocessor: dict | None = None, init_cfg: dict | None = None,
                 **unknown):
        refuse(type(self).__name__, unknown, dict(listening='`model.conditioning_check`'))
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = MODELS.build(backbone)
        self.loss = DenoisingLoss(self.backbone, **loss or {})
        self.precision = require_precision(precision, training=True)
        self.likelihood = Likelihood(self.backbone, **conditioning_check or {})

    def forward(self, inputs: Tensor, data_samples: list | None = None, mode: str = 'tensor'):
        """Images (N, 3, H, W) in [-1, 1] -> latents, losses or checked samples.

        Raises:
            ValueError: a label that is no class of the generator.
        """
        latents = self.backbone.encode(inputs)
        if mode == 'tensor':
            return latents
        ids = self._true_classes(data_samples).to(latents.device)
        if mode == 'loss':
            with mixed_precision(latents.device, self.precision):
                return dict(loss=self.loss(latents, ids))
        energies = self.checked_energies(latents, ids, [seed_of(sample.get('img_id', 0)) for sample in data_samples])
        for sample, values in zip(data_samples, energies):
            sample.set_metainfo(dict(energies=values))
        return data_samples

    def checked_energies(self, latents: Tensor, ids: Tensor, seeds: list[int]) -> list[dict[str, float]]:
        """Energies of the true class, of an unknown class and of another one drawn by the image's seed."""
        vocabulary = self.backbone.vocabulary
        candidates = dict(true=ids, empty=torch.full_like(ids, self.backbone.unknown))
        if vocabulary.num_classes > 1:
            steps = [int(torch.randint(1, vocabulary.num_classes, (), generator=torch.Generator().manual_seed(seed)))
                     for seed in seeds]
            candidates['class_swapped'] = (ids + torch.tensor(steps).to(ids)[:, None]) % vocabulary.num_classes
        energies = {name: self.likelihood.energy(latents, self.backbone.embed(classes)).tolist()
                    for name, classes in candidates.items()}
        return [dict(zip(energies, values)) for values in zip(*energies.values())]

    def _true_classes(self, data_samples: list) -> Tensor:
        """(N, 1)."""
        ids = torch.stack([sample.gt_label.view(-1)[:1] for sample in data_samples])
        count = self.backbone.vocabulary.num_classes
        if bool((ids >= count).any()) or bool((ids < 0).any()):
            raise ValueError(f'A label is {int(ids.max())}, and the generator has the classes 0 to {count - 1}: give '
                             'it the num_classes of the data set.')
        return ids
