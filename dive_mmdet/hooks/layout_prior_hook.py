"""The prior, as a module of its own."""
from mmengine.hooks import Hook
from torch import nn

from dive_mmdet.checkpoints.untrusted import guard_loading
from dive_mmdet.moved import refuse
from dive_mmdet.registry import HOOKS, MODELS

from .unwrapped import install_on

MOVED = dict(prior='`model.prior`', weight='`model.prior_weight`')


@HOOKS.register_module()
class LayoutPriorHook(Hook):
    """Builds the prior and installs it on the model before its weights are loaded; a model may have none.

    It has no settings: those of the model hold for every interface, also where no hooks run.

    Raises:
        ValueError: a setting that is the model's.
    """

    def __init__(self, **settings):
        refuse('LayoutPriorHook', settings, MOVED)

    def install(self, model: nn.Module) -> None:
        """Put the prior on a model, as its `search` says."""
        if model.search.prior is not None:
            model.prior = MODELS.build(model.search.prior).requires_grad_(False)

    def before_run(self, runner) -> None:
        """Called before the Runner loads weights."""
        guard_loading()
        install_on(runner.model, self)
