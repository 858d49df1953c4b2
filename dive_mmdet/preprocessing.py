"""Images on their way into a model, of either framework."""
from pathlib import Path

import cv2
import torch
from torch import Tensor

DARK = 64  # of 255: what 14 and fewer of 16 bits become where a reader keeps the upper eight
FAINT, LARGEST = 4, 510  # augmentations may leave 0 to 255; between 0 and FAINT other scales end


class GreyOrColour:
    """Mixed into a data preprocessor: images of one or three channels with values from 0 to 255, or a sentence.

    Grey becomes three equal channels.

    Raises (when called):
        ValueError: another number of channels or scale of values, as in arrays from 0 to 1 or with 16 bits, or a file
            whose values had more than eight bits and became nearly black.
    """

    def forward(self, data: dict, training: bool = False) -> dict:
        inputs, samples = data['inputs'], data.get('data_samples')
        for index, image in enumerate(inputs):
            path = samples[index].get('img_path') if samples else None
            _require_image(image, path or f'{index} of a batch', path)
        coloured = [image.expand(3, -1, -1) for image in inputs]
        return super().forward(dict(data, inputs=torch.stack(coloured) if isinstance(inputs, Tensor) else coloured),
                               training)


def _require_image(image: Tensor, name: str, path: str | None) -> None:
    if image.shape[0] not in (1, 3):
        raise ValueError(f'Image {name} has {image.shape[0]} channels: give grey or colour images, of 1 or 3 channels.')
    low, high = (float(value) for value in image.double().aminmax())
    if image.dtype == torch.uint8:
        if path and 0 < high < DARK:
            _require_eight_bits(Path(path), high)
    # Negated, so that NaN is refused too.
    elif image.dtype == getattr(torch, 'uint16', None) or not (
            low == high == 0 or low >= -LARGEST and FAINT <= high <= LARGEST):
        raise ValueError(f'Image {name} has {str(image.dtype).removeprefix("torch.")} values from {low:g} to '
                         f'{high:g}: scale them to 0 to 255.')


def _require_eight_bits(path: Path, high: float) -> None:
    stored = cv2.imread(str(path), cv2.IMREAD_ANYDEPTH) if path.is_file() else None
    if stored is not None and stored.dtype != 'uint8':
        raise ValueError(f'Image {path} holds {stored.dtype} values up to {stored.max():g}, which were read as 8 bits '
                         f'up to {high:g}: store it with 8 bits a channel, from 0 to 255.')
