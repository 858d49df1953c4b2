"""A test that loses no finished image."""
import errno
import math
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

from mmengine.dist import all_gather_object, barrier, get_dist_info, is_main_process
from mmengine.model import is_model_wrapper
from mmengine.registry import LOOPS as MMENGINE_LOOPS
from mmengine.runner import TestLoop
from mmengine.structures import BaseDataElement

from dive_mmdet.checkpoints.untrusted import guard_loading
from dive_mmdet.datasets.guarded import GuardedDataset, GuardedItem, one_line
from dive_mmdet.registry import LOOPS

from .image_inference import ImageInference, Outcome
from .interruption import ends_on_signals, resume_command
from .progress import Progress
from .records.fingerprint import changes, data_parts, result_parts
from .records.plain_samples import add_plain, nothing_found
from .records.record import Image, Record
from .records.record_log import RecordLog, StoreError
from .scores import scores_of

ON_ERROR = ('record', 'raise')
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
STATUS_OF_FAILURES = 3


@MMENGINE_LOOPS.register_module()
@LOOPS.register_module()
class ResumableTestLoop(TestLoop):
    """The framework's test loop, with every finished image on disk at once in WORK_DIR/records (docs/reliability.md).

    A resumed test skips the model for the images that are there, never the evaluator.

    Args:
        runner, evaluator, fp16: as in `TestLoop`.
        dataloader: config of a data loader.
        resume: go on with what is stored, which must have been made with the same config, weights and data set; images
            that failed are tried again.
        other_images: go on with what is stored for the same images of another data set too.
        on_error: an image that fails is `record`ed and counts as one without detections, or `raise`s.
        sync_seconds: see `RecordLog`.
        log_seconds: at most so long between two lines in the log.

    Raises:
        SystemExit: with one sentence, where the store cannot be used or written; with status 3 after the evaluation
            if images failed; with 130 or 143 on SIGINT or SIGTERM.
    """

    def __init__(self, runner, dataloader: dict, evaluator, fp16: bool = False, resume: bool = False,
                 other_images: bool = False, on_error: str = 'record', sync_seconds: float = 5.0,
                 log_seconds: float = 30.0):
        if on_error not in ON_ERROR:
            raise ValueError(f"Unknown on_error '{on_error}': use {' or '.join(ON_ERROR)}.")
        guard_loading()  # weights are loaded after loops are built
        guarded = dict(type='dive_mmdet.GuardedDataset', dataset=dataloader['dataset'])
        super().__init__(runner, dict(dataloader, dataset=guarded), evaluator, fp16)
        self.resume, self.other_images, self.on_error = resume, other_images, on_error
        self.sync_seconds, self.log_seconds = sync_seconds, log_seconds
        self.show: Callable[[str], None] | None = None  # gets the lines of progress instead of the Runner's log
        self.metrics: dict[str, float] = {}
        # Items stay apart, so that those which are stored already need no model.
        self.collate, self.dataloader.collate_fn = self.dataloader.collate_fn, list

    def run(self) -> dict:
        """Launch the test; returns the metrics."""
        with ends_on_signals(), self._one_sentence():
            self.runner.call_hook('before_test')
            self.runner.call_hook('before_test_epoch')
            self.runner.model.eval()
            self._require_guarded()
            self._require_annotations()
            self.inference = ImageInference(self.runner.model, self.collate, self.fp16, self.on_error == 'raise')
            self.failures: list[str] = []
            self.began, self.judging = time.monotonic(), 0.0
            self.log = self._open_log()
            try:
                self._begin()
                with Progress(self.show or self.runner.logger.info, len(self.dataloader.sampler), self.log_seconds,
                              f'rank {self.log.rank} of {self.log.ranks}: ' * (self.log.ranks > 1)) as self.progress:
                    for idx, items in enumerate(self.dataloader):
                        self.run_iter(idx, items)
            finally:
                self.log.close()
            metrics = self.metrics = self.evaluator.evaluate(len(self.dataloader.dataset))
            self.runner.visualizer.add_scalars(
                {name: value for name, value in metrics.items() if isinstance(value, (int, float))},
                step=self.progress.done)
            self.runner.call_hook('after_test_epoch', metrics=metrics)
            self.runner.call_hook('after_test')
            self._end_with_failures()
            return metrics

    def run_iter(self, idx: int, items: list[GuardedItem]) -> None:
        """One batch: what is stored is taken, the rest is computed and stored, all of it is evaluated."""
        readable = [item for item in items if item.data is not None]
        data_batch = self.collate([item.data for item in readable]) if readable else {}
        self.runner.call_hook('before_test_iter', batch_idx=idx, data_batch=data_batch)
        contents = {item.image: item.content for item in readable}
        samples = {item.image: self._stored(item, contents[item.image]) for item in readable}
        for outcome in self.inference.run([item for item in items if samples.get(item.image) is None]):
            samples[outcome.item.image] = self._store(outcome, contents.get(outcome.item.image))
        self.evaluator.process(data_samples=[samples[item.image] for item in items], data_batch=data_batch)
        self.runner.visualizer.add_scalars({f'test/{name}': value for name, value in self.progress.scalars().items()},
                                           step=self.progress.done)
        self._judge()
        self.runner.call_hook('after_test_iter', batch_idx=idx, data_batch=data_batch,
                              outputs=[samples[item.image] for item in readable])

    def _open_log(self) -> RecordLog:
        rank, ranks = get_dist_info()
        model = self.runner.model  # several ranks wrap it, and its weights would have other names in the fingerprint
        parts = result_parts(self.runner.cfg, model.module if is_model_wrapper(model) else model, fp16=self.fp16)
        log = RecordLog(Path(self.runner.work_dir) / 'records', parts, rank, ranks, self.sync_seconds)
        if log.index.results and not self.resume:
            log.close()
            raise StoreError(f'{log.folder} holds {len(log.index.results)} finished images: go on with '
                             f'`{self._command()}`, or give another --work-dir.')
        self._require_same_data(log)
        barrier()  # before anyone writes
        return log

    def _require_same_data(self, log: RecordLog) -> None:
        before = [session['data'] for session in log.index.sessions if 'data' in session]
        what = changes(before[-1], data_parts(self.runner.cfg)) if before and log.index.results else ''
        if what and not self.other_images:
            log.close()
            raise StoreError(f'{log.folder} holds {len(log.index.results)} images that were made with something else '
                             f'({what}): give another --work-dir, or undo the change.')

    def _require_guarded(self) -> None:
        """Refuse a loader put in the place of this loop's own: nobody would see that its images are others."""
        if not isinstance(self.dataloader.dataset, GuardedDataset):
            raise StoreError('The data loader of this test was replaced, and its results would be kept as those of the '
                             "config's images: change test_dataloader in the config instead.")

    def _metrics(self) -> list:
        return getattr(self.evaluator, 'metrics', [self.evaluator])

    def _require_annotations(self) -> None:
        """Refuse an evaluator that judges other images now, instead of after the last one."""
        for metric in self._metrics():
            if hasattr(metric, 'require_images'):
                metric.require_images(self.dataloader.dataset)

    def order(self) -> list[Image]:
        """The images of the data set."""
        return self.dataloader.dataset.images

    def records(self) -> dict[Image, Record]:
        """What is stored of them, by image in the order of the data set."""
        finished = self.log.index.finished
        return {image: Record.from_plain(finished[image].read()) for image in self.order() if image in finished}

    def failed(self) -> list[Image]:
        """The images that failed and were never finished."""
        return [image for image in self.order() if image in self.log.index.failed]

    def _begin(self) -> None:
        logger, dataset = self.runner.logger, self.dataloader.dataset
        for path in self.log.index.torn:
            logger.warning(f'The last record of {path} was cut off and is dropped: its image is computed again.')
        for where in self.log.index.damaged:
            logger.warning(f'Damaged: {where}, which is computed again.')
        order = dict(order=self.order()) if self.log.rank == 0 else {}
        self.log.begin(images=len(dataset), classes=dataset.metainfo.get('classes'), data=data_parts(self.runner.cfg),
                       annotations=self.annotations, command=self._command(), **order)

    @property
    def annotations(self) -> str | None:
        """The evaluator's annotation file, where it has one."""
        paths = filter(None, (getattr(metric, 'ann_file', None) for metric in self._metrics()))
        return next((str(Path(path).resolve()) for path in paths), None)

    def _judge(self) -> None:
        """Say the metric of the images so far, as often as that takes less than a part in 500 of the time."""
        now = time.monotonic()
        if 500 * self.judging > now - self.began:
            return
        records, classes = self.records(), self.dataloader.dataset.metainfo.get('classes')
        try:
            metrics = scores_of(records, self.failed(), self.annotations, classes)
        except Exception as error:  # a look ends no run
            self.runner.logger.warning(f'No metric before the end: {one_line(error)}')
            self.judging = math.inf
            return
        self.progress.metric = ', '.join([f'{name} {value:.3f}' for name, value in metrics.items()]
                                         + [f'of the first {len(records) + len(self.failed())}'] * bool(metrics))
        self.judging += time.monotonic() - now

    def _stored(self, item: GuardedItem, content: str) -> BaseDataElement | None:
        record = self.log.get(item.image, content)
        if record is None:
            return None
        self.progress.stored += 1
        return add_plain(item.sample, record['found'])

    def _store(self, outcome: Outcome, content: str | None) -> BaseDataElement:
        image = outcome.item.image
        if outcome.failure:
            self.log.append(dict(image=image, failure=outcome.failure))
            self.failures.append(f'image {image}: {outcome.failure}')
            self.progress.failed += 1
            return nothing_found(outcome.item, len(self.dataloader.dataset.metainfo['classes']))
        nfe = float(outcome.sample.get('nfe', 0))
        truth = dict(truth=outcome.sample.gt_label.tolist()) if 'gt_label' in outcome.sample else {}
        self.log.append(dict(image=image, content=content, found=outcome.found, seconds=outcome.seconds, nfe=nfe,
                             time=time.time(), **truth))
        self.progress.add(outcome.seconds, nfe)
        return outcome.sample

    def _end_with_failures(self) -> None:
        failures = sorted({failure for part in all_gather_object(self.failures) for failure in part})
        if failures:
            for failure in failures:
                self.runner.logger.error(failure)
            self.runner.logger.error(f'{len(failures)} of {len(self.dataloader.dataset)} images failed and count as '
                                     f'images without detections; once mended, `{self._command()}` tries them again.')
            self.runner.call_hook('after_run')
            raise SystemExit(STATUS_OF_FAILURES)

    def _command(self) -> str:
        return resume_command(by_itself=self.resume)

    @contextmanager
    def _one_sentence(self):
        """What a user can mend ends the process with a sentence instead of a traceback."""
        try:
            yield
        except StoreError as error:
            raise SystemExit(str(error)) from None
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            raise SystemExit(f'There is no room to write ({error}): finished images are stored, so make room and go on '
                             f'with `{self._command()}`.') from None
        except SystemExit as end:
            if end.code in (130, 143) and is_main_process():
                print(f'\nInterrupted; finished images are stored, go on with\n    {self._command()}', file=sys.stderr)
            raise
