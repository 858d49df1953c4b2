"""p(x | condition): what the generators of layouts and of classes have in common."""
from abc import abstractmethod
from contextlib import nullcontext

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from dive_mmdet.checkpoints.loading import require_all_weights
from dive_mmdet.moved import refuse
from dive_mmdet.registry import MODELS

from .checkpointing import checkpoint_blocks
from .compiling import compile_in_place, compiled_settings
from .schedule import PREDICTION_TYPES
from .token_table import embed, mean_class_row

MOVED = {name: f'`model.loss.{new}` in the config that trains' for name, new in dict(
    loss_type='norm', loss_space='space', timestep_exponent='timestep_exponent', class_dropout='class_dropout').items()}


class ConditionalGenerator(BaseModule):
    """A conditional diffusion model of images behind three faces.

    They are `encode` (images -> latents), `embed` (ids -> token rows) and `predict_noise` (noised latents and token
    rows -> noise); rows need not come from the table, so a condition can be optimised.

    Args:
        vocabulary: ids of a condition.
        table: (num_tokens, D) rows of the ids, as `table.weight`.
        first_stage, schedule, condition, denoiser: configs of the parts.
        channels: config of what draws the condition beside x_t, if anything does.
        prediction_type: what the denoiser's output is: `epsilon` (published), `sample` or `v_prediction`.
        compile: compile the denoiser at its first use (torch.compile; needs a C++ compiler on a CPU). Worth its minute
            or two in long runs; numbers change by rounding. Frozen, on a CPU, it also packs its weights, see
            `packed_weights`.
        channels_last: the denoiser's images and convolutions in that memory format, which tensor cores prefer.
        checkpointing: gradients need less memory and a third more time, see `checkpoint_blocks`.
        init_cfg: as in any BaseModule.
    """

    def __init__(self, vocabulary, table: nn.Module, first_stage: dict, schedule: dict, condition: dict, denoiser: dict,
                 channels: dict | None = None, prediction_type: str = 'epsilon', compile: bool = False,
                 channels_last: bool = False, checkpointing: bool = False, init_cfg: dict | None = None, **unknown):
        refuse(type(self).__name__, unknown, MOVED)
        super().__init__(init_cfg)
        if prediction_type not in PREDICTION_TYPES:
            raise ValueError(f"Unknown prediction_type '{prediction_type}': use one of {', '.join(PREDICTION_TYPES)}.")
        self.vocabulary, self.table = vocabulary, table
        self.first_stage = MODELS.build(first_stage).requires_grad_(False)
        self.schedule = MODELS.build(schedule)
        self.condition = MODELS.build(condition)
        self.channels = MODELS.build(channels) if channels else None
        self.denoiser = MODELS.build(denoiser)
        self._require_fit()
        self.prediction_type = prediction_type
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.denoiser.to(memory_format=self.memory_format)
        for part in (self.condition, self.denoiser) if checkpointing else ():
            checkpoint_blocks(part)
        self.compiled = compile
        if compile:
            compile_in_place(self.denoiser)
        require_all_weights(self, 'the generator')

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(c, h, w) of the latents."""
        return self.denoiser.sample_shape

    def encode(self, images: Tensor) -> Tensor:
        """Images in [-1, 1], (N, 3, H, W) -> latents (N, c, h, w), without gradients.

        Raises:
            ValueError: the images' size does not fit the denoiser.
        """
        with torch.no_grad():
            latents = self.first_stage.encode(images)
        if tuple(latents.shape[1:]) != tuple(self.latent_shape):
            raise ValueError(f'Images of {tuple(images.shape[1:])} give latents of {tuple(latents.shape[1:])} and the '
                             f'denoiser wants {tuple(self.latent_shape)}: resize the images in the pipeline.')
        return latents

    def embed(self, ids: Tensor) -> Tensor:
        """Token ids (..., L) -> rows (..., L, D), or (..., L S, D) where S rows stand for an id; the id `any_class`
        gives the mean class row."""
        return embed(self.table, ids, self.vocabulary)

    def mean_class_row(self) -> Tensor:
        """The mean of the class rows, (D,) or (S, D): an object of unknown class."""
        return mean_class_row(self.table, self.vocabulary)

    def predict_noise(self, x_t: Tensor, t: Tensor, rows: Tensor) -> Tensor:
        """Predicted noise (B, c, h, w) at timesteps (B,) under token rows (B, L, D)."""
        return self.schedule.to_epsilon(self.predict(x_t, t, rows), x_t, t, self.prediction_type)

    def predict(self, x_t: Tensor, t: Tensor, rows: Tensor) -> Tensor:
        """The denoiser's output, of type `prediction_type`, (B, c, h, w); arguments as of `predict_noise`.

        Without gradients the condition is drawn once for items that follow each other under equal rows.
        """
        context, maps = self.condition(rows), ()
        if self.channels is not None:
            if torch.is_grad_enabled() or isinstance(rows, FakeTensor):  # a plan has no values
                maps = (self.channels(rows),)
            else:
                distinct, which = _distinct(rows)
                maps = self.channels(distinct), which
        with compiled_settings(self.denoiser) if self.compiled else nullcontext():
            return self.denoiser(x_t.contiguous(memory_format=self.memory_format), t, context, *maps)

    def _require_fit(self) -> None:
        drawn = (0, None) if self.channels is None else (self.channels.out_channels, self.channels.sample_size)
        wanted = getattr(self.denoiser, 'condition_channels', 0)
        if drawn[0] != wanted:
            raise ValueError(f'The condition is drawn in {drawn[0]} channels and the denoiser wants {wanted}: set its '
                             f'condition_channels to {drawn[0]}.')
        if wanted and drawn[1] != self.latent_shape[1]:
            raise ValueError(f'The condition is drawn for latents of side {drawn[1]} and the denoiser has a side of '
                             f'{self.latent_shape[1]}: give channels and denoiser the sample_size of the latents.')
        if getattr(self.condition, 'gives_boxes', False) and not getattr(self.denoiser, 'takes_boxes', False):
            raise ValueError('The condition gives boxes and the denoiser has no gates for them: take a UNet whose '
                             "attention_type is 'gated'.")
        if hasattr(self.condition, 'require_fit'):
            self.condition.require_fit(self.vocabulary, self.table)
        given, wanted = (getattr(part, 'context_dim', None) for part in (self.condition, self.denoiser))
        if None not in (given, wanted) and given != wanted:
            raise ValueError(f'The condition gives vectors of {given} numbers and the denoiser attends to such of '
                             f'{wanted}: take text encoder and UNet of one pipeline.')

    @abstractmethod
    def hide_classes(self, ids: Tensor, probability: float, rng: torch.Generator | None = None) -> Tensor:
        """Conditions some of whose classes are unknown, each hidden with that probability, (N, L) -> (N, L)."""


def _distinct(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Rows without those equal to the ones before, (B, L, D) -> (U, L, D), and which of them each item has, (B,)."""
    fresh = torch.cat([rows.new_ones(len(rows[:1]), dtype=torch.bool), (rows[1:] != rows[:-1]).flatten(1).any(dim=1)])
    return rows[fresh], fresh.cumsum(dim=0) - 1
