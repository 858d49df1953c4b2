"""The one way to run: a test whose finished images are on disk, for every tool that needs predictions."""
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from dive_mmdet.hooks.unwrapped import unwrapped

from .quiet import quiet
from .records.record import Image, Record
from .resumable_test_loop import STATUS_OF_FAILURES
from .scores import costs, scores_of

RUNS = count()


@dataclass(frozen=True)
class Run:
    """What a test found.

    Attributes:
        records: by image, in the order of the data set; images that failed have none.
        metrics: of the whole data set, as tables name them or, where its evaluators are others than this project's, as
            they do; with what an image cost.
        settings: what was searched and how, read from the model; nothing of models that search nothing.
        model: with its weights.
        status: what the process should end with: 0, or 3 where images failed.
    """
    records: dict[Image, Record]
    metrics: dict[str, float]
    settings: dict
    model: nn.Module
    status: int


def run_test(config: Config, checkpoint: str | Path, work_dir: str | Path, show: Callable[[str], None] | None = None,
             hooks: Sequence[Hook] = ()) -> Run:
    """Test a config by the Runner; images that an earlier run in `work_dir` finished are not computed again.

    Args:
        config: of any detector or classifier, see `load_config`.
        checkpoint: its weights.
        work_dir: of the records; those of the same images in another data set are taken too.
        show: called with a line of progress, instead of the Runner's log.
        hooks: of the Runner beside the config's.

    Raises:
        FileNotFoundError: there is no checkpoint.
        SystemExit: see `ResumableTestLoop`; failed images alone raise nothing.
    """
    if not Path(checkpoint).is_file():
        raise FileNotFoundError(f'No checkpoint at {checkpoint}: give one that is there.')
    config = config.copy()
    config.work_dir, config.load_from = str(work_dir), str(checkpoint)
    config.test_cfg = dict(config.get('test_cfg') or {}, type='dive_mmdet.ResumableTestLoop', resume=True,
                           other_images=True)
    # The framework's globals go by this name, which has a second as its finest part otherwise.
    config.experiment_name = f'{Path(config.filename or "config").stem}_{next(RUNS)}'
    if show is not None:
        config.log_level = 'ERROR'
    status = 0
    with quiet(show) as said:
        runner = Runner.from_cfg(config)
        for hook in hooks:
            runner.register_hook(hook, priority='VERY_LOW')
        loop = runner.test_loop
        loop.show = said
        try:
            runner.test()
        except SystemExit as end:
            if end.code != STATUS_OF_FAILURES:
                raise
            status = STATUS_OF_FAILURES
    model, records = unwrapped(runner.model), loop.records()
    scores = scores_of(records, loop.failed(), loop.annotations, loop.dataloader.dataset.metainfo.get('classes'))
    scores = scores or {name: float(value) for name, value in loop.metrics.items()}
    return Run(records, {**scores, **costs(records.values())}, model.settings() if hasattr(model, 'settings') else {},
               model, status)
