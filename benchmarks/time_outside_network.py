"""How much of an image's time a search spends outside the networks.

    python benchmarks/time_outside_network.py [--scenes 8] [--precision bfloat16] [--compile]

Inside is what the generator and the prior compute, with gradients; outside is what the search does with their answers.
The last line is what that share would be where an evaluation takes 0.2 ms, as on a GPU.
"""
import argparse
import time
from contextlib import ExitStack
from unittest import mock

import dive_mmdet.threads  # noqa: F401  before torch

import torch
from evaluations_per_second import digit_scenes, shipped_detector

FAST = 0.2e-3  # seconds an evaluation


class Clock:
    """Seconds spent in functions that it wraps; those inside one another count once."""

    def __init__(self):
        self.seconds, self.depth = 0.0, 0

    def wrap(self, function):
        """The function, timed."""
        def timed(*args, **kwargs):
            start, self.depth = time.perf_counter(), self.depth + 1
            try:
                return function(*args, **kwargs)
            finally:
                self.depth -= 1
                if not self.depth:
                    self.seconds += time.perf_counter() - start
        return timed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--scenes', type=int, default=8, help='that are searched side by side')
    parser.add_argument('--precision', default='bfloat16')
    parser.add_argument('--compile', action='store_true')
    args = parser.parse_args()
    model = shipped_detector(compile=args.compile)
    model.likelihood.precision = args.precision
    latents, clock = model.backbone.encode(digit_scenes(2 * args.scenes) / 127.5 - 1), Clock()
    # The first half pays for the dictionary and for compiling.
    for part in latents.split(args.scenes):
        clock.seconds = 0.0
        posterior = model.posterior(part)
        with ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            for owner, name in ((model.backbone, 'predict_noise'), (model.prior, 'energy'), (torch.autograd, 'grad')):
                stack.enter_context(mock.patch.object(owner, name, clock.wrap(getattr(owner, name))))
            start = time.perf_counter()
            model.inverter.invert(posterior)
            seconds = time.perf_counter() - start
    outside, nfe = (seconds - clock.seconds) / args.scenes, float(posterior.nfe.double().mean())
    print(f'{nfe:,.0f} evaluations an image; {outside / seconds * args.scenes:.1%} of its time outside the networks')
    print(f'{outside / (outside + FAST * nfe):.1%} where an evaluation takes {1000 * FAST} ms')


if __name__ == '__main__':
    main()
