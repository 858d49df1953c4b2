"""Scores of classes against a softmax written out."""
import pytest
import torch

from dive_mmdet.heads import ClassHead

INF = float('inf')


def test_visited_classes_share_by_their_energies():
    energies = torch.tensor([[0.05, 0.052, 0.051]])
    expected = torch.tensor([0.0, -2.0, -1.0]).softmax(dim=0)
    torch.testing.assert_close(ClassHead().scores(energies)[0], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('spread', [1e-6, 1e-3, 0.3])
def test_ranks_survive_and_every_visited_class_comes_before_the_others(spread):
    energies = 0.05 + spread * torch.arange(6).flip(0)[None]
    energies[0, [1, 4]] = INF
    scores = ClassHead().scores(energies)[0]
    assert float(scores.sum()) == pytest.approx(1, abs=1e-5) and bool((scores > 0).all())
    assert scores.argsort(descending=True, stable=True).tolist()[:4] == [5, 3, 2, 0]
    assert scores[1] == scores[4] and float(scores[1]) < float(scores[[0, 2, 3, 5]].min())


def test_one_visited_class_wins():
    scores = ClassHead().scores(torch.tensor([[INF, 0.3, INF]]))[0]
    assert int(scores.argmax()) == 1 and scores[0] == scores[2]
