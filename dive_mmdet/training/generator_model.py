"""Training p(x | layout) by the ordinary Runner."""
from mmengine.model import BaseModel
from torch import Tensor

from dive_mmdet.diffusion.precision import mixed_precision, require_precision
from dive_mmdet.inversion.likelihood import Likelihood
from dive_mmdet.layout.corruptions import wrong_layouts
from dive_mmdet.moved import refuse
from dive_mmdet.registry import MODELS

from .denoising_loss import DenoisingLoss
from .ground_truth import true_layouts
from .seeds import seed_of


@MODELS.register_module()
class GeneratorModel(BaseModel):
    """`loss` trains the generator; `predict` asks whether it listens to its layout.

    Its weights are named `backbone.*`, as in the detector.

    Args:
        backbone: config of the generator.
        loss: arguments of `DenoisingLoss` but the generator.
        conditioning_check: arguments of `Likelihood` for the check, and `shift`, by how much a box is moved in image
            sides.
        precision: of the matrix products at training, `float32`, `tf32` or `bfloat16`; the check is always in float32.
        data_preprocessor: as in any BaseModel; images must come out in [-1, 1].
        init_cfg: as in any BaseModel.
    """

    def __init__(self, backbone: dict, loss: dict | None = None, conditioning_check: dict | None = None,
                 precision: str = 'float32', data_preprocessor: dict | None = None, init_cfg: dict | None = None,
                 **unknown):
        refuse(type(self).__name__, unknown, dict(listening='`model.conditioning_check`'))
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = MODELS.build(backbone)
        self.loss_settings = {}
        self.change_loss(**loss or {})
        self.precision = require_precision(precision, training=True)
        conditioning_check = dict(conditioning_check or {})
        self.shift = conditioning_check.pop('shift', 1 / 16)
        self.likelihood = Likelihood(self.backbone, **conditioning_check)

    def change_loss(self, **settings) -> None:
        """Train on with some arguments of `DenoisingLoss` changed."""
        self.loss_settings |= settings
        self.loss = DenoisingLoss(self.backbone, **self.loss_settings)

    def forward(self, inputs: Tensor, data_samples: list | None = None, mode: str = 'tensor'):
        """Images (N, 3, H, W) in [-1, 1] -> latents, losses or checked samples."""
        latents = self.backbone.encode(inputs)
        if mode == 'tensor':
            return latents
        ids = true_layouts(data_samples, self.backbone.tokenizer).to(latents.device)
        if mode == 'loss':
            with mixed_precision(latents.device, self.precision):
                return dict(loss=self.loss(latents, ids))
        energies = self.checked_energies(latents, ids, [seed_of(sample.get('img_id', 0)) for sample in data_samples])
        for sample, values in zip(data_samples, energies):
            sample.set_metainfo(dict(energies=values))
        return data_samples

    def checked_energies(self, latents: Tensor, ids: Tensor, seeds: list[int]) -> list[dict[str, float]]:
        """Energies of the true layout and of wrong ones (see `wrong_layouts`), a dictionary an image.

        A kind that leaves an image's layout as it is has no energy there; an image without objects has the true one's
        alone, since nothing in its layout can be made wrong.
        """
        layouts = dict(true=ids, **wrong_layouts(ids, self.backbone.tokenizer, seeds, self.shift))
        energies = {kind: self.likelihood.energy(latents, self.backbone.embed(candidates)).tolist()
                    for kind, candidates in layouts.items()}
        has_objects = self.backbone.vocabulary.is_present(ids).any(dim=1)
        asked = {kind: ((candidates != ids).any(dim=1) & has_objects).tolist() for kind, candidates in layouts.items()}
        return [{kind: values[image] for kind, values in energies.items() if kind == 'true' or asked[kind][image]}
                for image in range(len(ids))]
