"""Why a search for a class answers wrongly: what the generator prefers, a shortlist without the class, or the race.

    python tools/analysis_tools/lost_classes.py CONFIG CHECKPOINT --out work_dirs/NAME [--images 300] [--tuning]
        [--cfg-options model.objective.precision=bfloat16]

Tests as `evaluate.py` does, with the same arguments, and takes what is finished in OUT. For every wrong answer the
energies of the answer and of the true class on the whole bank are compared: where the answer has the lower one, no
search on this objective would have been right (`generator`). Else the true class was not compared (`shortlist`) or was
dropped (`race`). Prints JSON.
"""
import argparse
import json
from collections import Counter

import dive_mmdet.threads  # noqa: F401  before torch

import torch
from mmengine.dataset import default_collate
from mmengine.registry import DATASETS, DefaultScope

from dive_mmdet.engine.asked import add_run_arguments, run_asked
from dive_mmdet.engine.records.record import Record


def cause_of(record: Record, energies: tuple[float, float]) -> str:
    """Why a wrong answer was given, from the energies of the answer and of the true class on the whole bank."""
    if energies[0] <= energies[1]:
        return 'generator'
    compared = record.inversion['class_energy'][record.truth]
    return 'race' if compared is not None and compared != float('inf') else 'shortlist'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_run_arguments(parser)
    config, run = run_asked(parser.parse_args())
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        dataset = DATASETS.build(config.test_dataloader.dataset)
    model, causes = run.model, Counter(generator=0, shortlist=0, race=0)
    for index, record in enumerate(run.records.values()):
        if record.label != record.truth:
            data = model.data_preprocessor(default_collate([dataset[index]]))
            with torch.no_grad():
                latents = model.backbone.encode(data['inputs'])
            ids = model.backbone.vocabulary.meaning(torch.tensor([record.label, record.truth]))     # (2, T)
            rows = model.backbone.embed(ids.view(-1, 1).to(latents.device))
            energy = model.likelihood.energy(latents.expand(len(rows), -1, -1, -1), rows).view(ids.shape)
            causes[cause_of(record, tuple(energy.amin(dim=1).tolist()))] += 1
    print(json.dumps(dict(images=len(run.records), wrong=sum(causes.values()), **causes), indent=2))


if __name__ == '__main__':
    main()
