"""A training of two parts."""
from mmengine.hooks import Hook
from mmengine.runner import Runner

from dive_mmdet.registry import HOOKS

from .unwrapped import unwrapped


@HOOKS.register_module()
class LossSwitchHook(Hook):
    """Goes on with other settings of the loss from an iteration on, after a resume too.

    Args:
        begin: first iteration that they hold for, counted from 0.
        loss: settings of the model's loss that change.
    """

    def __init__(self, begin: int, loss: dict):
        self.begin, self.changes, self.switched = begin, dict(loss), False

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None) -> None:
        """Switch once."""
        if runner.iter >= self.begin and not self.switched:
            unwrapped(runner.model).change_loss(**self.changes)
            runner.logger.info(f'The loss goes on with {self.changes}.')
            self.switched = True
