"""Logistic functions fitted to what was right on annotated scenes."""
from typing import Callable

import torch
from torch import Tensor, nn


def fit_logistic(features: Tensor, correct: Tensor, l2: float) -> tuple[Tensor, Tensor, float]:
    """P(correct) = sigmoid(features @ weight + bias), (n, F) standardised and (n,) bool.

    Returns:
        weight (F,), bias (), and the mean negative log-likelihood.

    Raises:
        ValueError: all are right, or all wrong.
    """
    correct = correct.double()
    if not 0 < float(correct.mean()) < 1:
        raise ValueError('Calibration needs right and wrong objects: use more or harder training scenes.')
    weight = torch.zeros(features.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros((), dtype=torch.float64, requires_grad=True)
    loss = _minimise(
        lambda: nn.functional.binary_cross_entropy_with_logits(features.double() @ weight + bias, correct),
        weight, bias, l2)
    return weight.detach(), bias.detach(), loss


def fit_choice(features: Tensor, chosen: Tensor, l2: float) -> tuple[Tensor, float]:
    """P(class) = softmax(features @ weight), (n, C, F) and indices (n,): a conditional logit.

    Returns:
        weight (F,), and the mean negative log-likelihood.

    Raises:
        ValueError: there is nothing to fit.
    """
    if not len(features):
        raise ValueError('Calibration needs objects at the place of an annotation: use more training scenes.')
    weight = torch.zeros(features.shape[2], dtype=torch.float64, requires_grad=True)
    loss = _minimise(lambda: nn.functional.cross_entropy(features.double() @ weight, chosen), weight, None, l2)
    return weight.detach(), loss


def _minimise(likelihood: Callable[[], Tensor], weight: Tensor, bias: Tensor | None, l2: float) -> float:
    parameters = [weight] if bias is None else [weight, bias]
    optimizer = torch.optim.LBFGS(parameters, max_iter=200, line_search_fn='strong_wolfe')

    def closure():
        optimizer.zero_grad()
        objective = likelihood() + l2 * weight.square().sum()
        objective.backward()
        return objective
    with torch.enable_grad():
        optimizer.step(closure)
    return float(likelihood().detach())
