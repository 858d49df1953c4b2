"""The search, as a module of its own."""
from mmengine.hooks import Hook
from torch import nn

from dive_mmdet.checkpoints.untrusted import guard_loading
from dive_mmdet.inversion import Likelihood
from dive_mmdet.moved import refuse, require_taken
from dive_mmdet.registry import HOOKS, MODELS

from .unwrapped import install_on, unwrapped

MOVED = {name: f'`model.{name}`' for name in ('inverter', 'objective', 'batch_size')}


@HOOKS.register_module()
class InversionHook(Hook):
    """Builds the search and its objective and installs them on the model before its weights are loaded.

    It has no settings: those of the model hold for every interface, also where no hooks run.

    Raises:
        ValueError: a setting that is the model's.
    """

    def __init__(self, **settings):
        refuse('InversionHook', settings, MOVED)

    def install(self, model: nn.Module) -> None:
        """Put the search on a model, as its `search` says.

        Raises:
            TypeError: a setting that its inverter or objective does not have.
        """
        inverter, objective = model.search.inverter, model.search.objective
        if inverter is not None:
            kind = MODELS.get(inverter['type']) if isinstance(inverter['type'], str) else inverter['type']
            if kind is not None:  # a name that nobody registered is the registry's to refuse
                require_taken(kind, set(inverter) - {'type', '_scope_'}, 'model.inverter')
            model.inverter = MODELS.build(inverter)
        require_taken(Likelihood, objective, 'model.objective')
        model.likelihood = Likelihood(model.backbone, **objective)

    def before_run(self, runner) -> None:
        """Called before the Runner loads weights."""
        guard_loading()
        unwrapped(runner.model).cfg = runner.cfg
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
