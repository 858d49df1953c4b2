"""Classification by inversion, in mmpretrain's registry."""
from mmpretrain.models.classifiers import BaseClassifier
from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS
from mmpretrain.structures import DataSample
from torch import Tensor

from dive_mmdet.inverting import InvertsGenerator
from dive_mmdet.registry import MODELS


@MMPRETRAIN_MODELS.register_module()
@MODELS.register_module()
class DIVEClassifier(InvertsGenerator, BaseClassifier):
    """Finds the class under which a frozen generator best explains an image (paper, section 3).

    Args:
        backbone: config of the frozen generator of images given a class.
        head: config of the head that turns energies into scores.
        data_preprocessor, init_cfg: as in any classifier.
        search: what is searched and how, the keys of `SearchConfig`.
    """

    def __init__(self, backbone: dict, head: dict, data_preprocessor: dict | None = None,
                 init_cfg: dict | None = None, **search):
        super().__init__(init_cfg, data_preprocessor)
        self._install(backbone, search)
        self.head = MODELS.build(head)

    def forward(self, inputs: Tensor, data_samples: list[DataSample] | None = None, mode: str = 'tensor'):
        """Images in [-1, 1], (N, 3, H, W), in one of the framework's modes: `tensor`, `predict` or `loss`.

        Raises:
            ValueError: an unknown mode.
        """
        if mode == 'tensor':
            return self.head.scores(self.invert(inputs).class_energy)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        raise ValueError(f"Unknown mode '{mode}': use tensor, predict or loss.")

    def predict(self, inputs: Tensor, data_samples: list[DataSample] | None = None) -> list[DataSample]:
        """Find the classes that best explain the images.

        Args:
            inputs: images in [-1, 1], (N, 3, H, W).
            data_samples: of the N images; ground truth, if any, is ignored.
        """
        inversion = self.invert(inputs)
        samples = data_samples or [DataSample() for _ in inversion.ids]
        labels = self.backbone.vocabulary.class_labels[inversion.ids[:, 0]]
        for sample, scores, label in zip(samples, self.head.scores(inversion.class_energy), labels):
            sample.set_pred_score(scores).set_pred_label(label)
        self.describe(samples, inversion)
        return samples

    def loss(self, inputs: Tensor, data_samples: list[DataSample]) -> dict:
        """Nothing is trained here.

        Raises:
            RuntimeError: always; it names the configs that train.
        """
        raise RuntimeError('DIVEClassifier inverts a frozen model and has no loss: train the generator with its own '
                           'config.')
