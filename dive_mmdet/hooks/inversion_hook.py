"""The search, as a module of its own."""
from mmengine.hooks import Hook
from torch import nn

from dive_mmdet.checkpoints.untrusted import guard_loading
from dive_mmdet.inversion import Likelihood
from dive_mmdet.registry import HOOKS, MODELS

from .unwrapped import install_on, unwrapped


@HOOKS.register_module()
class InversionHook(Hook):
    """Builds the inverter and its objective and installs them on the detector before its weights are loaded.

    Args:
        inverter: config of `ProposalInverter`, `GradientInverter` or another with `invert(posterior)`.
        objective: arguments of `Likelihood` but the generator.
        batch_size: network evaluations at once.
    """

    def __init__(self, inverter: dict, objective: dict, batch_size: int = 512):
        self.inverter, self.objective, self.batch_size = inverter, objective, batch_size

    def install(self, model: nn.Module) -> None:
        """Put the search on a detector."""
        model.install_inverter(MODELS.build(self.inverter), Likelihood(model.backbone, **self.objective),
                               self.batch_size)

    def before_run(self, runner) -> None:
        """Called before the Runner loads weights."""
        guard_loading()
        install_on(runner.model, self)

    def before_val(self, runner) -> None:
        """Called before the first image."""
        self._require_classes(runner, runner.val_dataloader)

    def before_test(self, runner) -> None:
        """Called before the first image."""
        self._require_classes(runner, runner.test_dataloader)

    @staticmethod
    def _require_classes(runner, dataloader) -> None:
        """Refuse foreign classes now: the evaluator would stumble over their labels after the last image."""
        classes = dataloader.dataset.metainfo.get('classes')
        count = unwrapped(runner.model).backbone.vocabulary.num_labels
        if classes is not None and len(classes) != count:
            names = ', '.join([*classes[:3], '...'] if len(classes) > 20 else classes)
            raise ValueError(f'The data set has {len(classes)} classes ({names}) and the vocabulary '
                             f'{count}: test on the classes that the generator was trained on.')
