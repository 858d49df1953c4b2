"""What the store costs: ResumableTestLoop against the framework's TestLoop, on images that take a given time.

    python benchmarks/store_overhead.py [--images 20] [--seconds 1.0] [--repeats 3]

The model waits instead of computing and returns an inversion as large as the digit scenes' are, so that nothing else on
the machine blurs the difference. Prints CPU seconds an image, and wall seconds of the whole loop.
"""
import argparse
import json
import tempfile
import time
from pathlib import Path

import dive_mmdet.threads  # noqa: F401  before torch

import torch
from mmdet.structures import DetDataSample
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from torch.utils.data import Dataset


class Waiting(BaseModel):
    """Four objects, forty detections, a course of thirty layouts."""

    def __init__(self, seconds: float):
        super().__init__()
        self.seconds = seconds

    def forward(self, inputs, data_samples, mode):
        time.sleep(self.seconds * len(data_samples))
        for sample in data_samples:
            rng = torch.Generator().manual_seed(sample.img_id)
            sample.pred_instances = InstanceData(
                bboxes=torch.rand(40, 4, generator=rng), scores=torch.rand(40, generator=rng),
                labels=torch.arange(40) % 10)
            found = dict(ids=list(range(12)), energy=0.1, evidence=torch.rand(4, generator=rng).tolist(),
                         class_evidence=torch.rand(4, 10, generator=rng).tolist(),
                         trace=[(100 * step, 0.1, list(range(4000, 4012))) for step in range(30)])
            sample.set_metainfo(dict(nfe=4600, inversion=found))
        return data_samples


@DATASETS.register_module(force=True)  # a program, and a module of the tests
class Numbers(Dataset):
    """Images that are only counted."""
    metainfo = dict(classes=('a',))

    def __init__(self, images: int):
        self.images = images

    def __len__(self) -> int:
        return self.images

    def get_data_info(self, index: int) -> dict:
        return dict(img_id=index)

    def __getitem__(self, index: int) -> dict:
        return dict(inputs=torch.zeros(1), data_samples=DetDataSample(metainfo=dict(img_id=index)))


class Count(BaseMetric):
    """How many images came."""

    def process(self, data_batch, data_samples) -> None:
        self.results += data_samples

    def compute_metrics(self, results: list) -> dict:
        return dict(images=len(results))


def timed(loop: str, images: int, seconds: float, name: str) -> tuple[float, float, int]:
    """Wall and CPU seconds of one test, and bytes of its store."""
    with tempfile.TemporaryDirectory() as folder:
        dataloader = dict(batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
                          dataset=dict(type='Numbers', images=images))
        runner = Runner(Waiting(seconds), folder, test_dataloader=dataloader, test_evaluator=Count(),
                        test_cfg=dict(type=loop), experiment_name=name, default_scope='mmengine')
        loop = runner.build_test_loop(runner._test_loop)
        runner.call_hook('before_run')
        wall, cpu = time.perf_counter(), time.process_time()
        metrics = loop.run()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        assert metrics == dict(images=images)
        return wall, cpu, sum(path.stat().st_size for path in Path(folder).glob('records/*.jsonl'))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--images', type=int, default=20)
    parser.add_argument('--seconds', type=float, default=1.0, help='that an image takes')
    parser.add_argument('--repeats', type=int, default=3)
    args = parser.parse_args()
    rows = {}
    for turn in range(args.repeats):
        for loop in ('TestLoop', 'dive_mmdet.ResumableTestLoop'):
            rows.setdefault(loop, []).append(timed(loop, args.images, args.seconds, f'{turn}_{loop}'))
    (plain, _, _), (stored, _, size) = (min(each) for each in rows.values())
    cpu = [min(row[1] for row in each) / args.images for each in rows.values()]
    print(json.dumps(dict(
        images=args.images, seconds_per_image=args.seconds, kilobytes_per_image=round(size / args.images / 1000, 1),
        wall_plain=round(plain, 3), wall_stored=round(stored, 3),
        wall_overhead_percent=round(100 * (stored - plain) / plain, 3),
        cpu_ms_per_image_plain=round(1000 * cpu[0], 2), cpu_ms_per_image_stored=round(1000 * cpu[1], 2))))


if __name__ == '__main__':
    main()
