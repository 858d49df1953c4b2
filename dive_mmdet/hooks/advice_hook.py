"""What a training of a generator should be told before it is over."""
from mmengine.hooks import Hook
from mmengine.runner import Runner

from dive_mmdet.datasets.advice import advice, layouts_of
from dive_mmdet.registry import HOOKS

NEAR_CHANCE = 65  # percent of the images
CURES = dict(
    shuffled='layouts may be wrong: look at the upper row of tools/sample.py',
    shifted='objects may be too small to tell places apart: raise image_size, or train longer',
    shrunk='the generator does not see where objects end: train longer, or raise image_size',
    grown='the generator does not see where objects end: train longer, or raise image_size',
    class_swapped='classes are learned after places: train longer, or annotate more of the rare ones',
    dropped='an object explains too little: it may be too small, or look like the background',
    extra='background looks like objects: many objects may lack a box, or too few images show none')


@HOOKS.register_module()
class AdviceHook(Hook):
    """Logs what the data will give trouble with, and what a check near chance means in the training's second half.

    Args:
        image_size: side of the square that images are resized to.
    """

    def __init__(self, image_size: int):
        self.image_size = image_size

    def before_train(self, runner: Runner) -> None:
        """Called before the first step."""
        for sentence in advice(layouts_of(runner.train_dataloader.dataset), self.image_size):
            runner.logger.warning(sentence)
        if any(getattr(module, '_compiled_call_impl', None) for module in runner.model.modules()):
            runner.logger.info('The network is compiled within the first steps and again within the first check: it '
                               'takes minutes, and the time that is left (eta) means something from step 200 on.')

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Called after each check."""
        if 2 * runner.iter < runner.max_iters:
            return
        for kind, cure in CURES.items():
            rate = (metrics or {}).get(f'conditioning/win_rate_{kind}')
            if rate is not None and rate < NEAR_CHANCE:
                runner.logger.warning(f'The true layout is preferred to a wrong one ({kind}) in {rate:.0f} % of the '
                                      f'images, and 50 is chance: {cure}.')
