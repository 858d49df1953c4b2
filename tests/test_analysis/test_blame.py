"""Energies made so that one part alone is at fault."""
import torch

from dive_mmdet.analysis.blame import verdict, worse_and_better


def energies(*differences: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Found, true and empty of as many images, on eight pairs; found ones differ from the true ones by so much."""
    noise = torch.linspace(-1, 1, 8) * 1e-3
    true = torch.arange(1.0, 1.0 + len(differences))[:, None].expand(-1, 8)
    return true + torch.tensor(differences)[:, None] + noise, true, true + 1


def test_notable_differences_are_those_beyond_the_noise():
    worse, better = worse_and_better(*energies(0.1, 2e-4, 0.0, -2e-4, -0.1))
    assert worse.tolist() == [True, False, False, False, False]
    assert better.tolist() == [False, False, False, False, True]


def test_the_verdict_names_the_part_at_fault():
    searched = energies(0.1, 0.1, 0.0, 0.0)
    assert verdict(searched, searched).startswith('Verdict: in 50 % of 4 images the search misses')
    searched = energies(-0.1, -0.1, -0.1, 0.1)
    assert 'in 75 % of 4 images the generator prefers' in verdict(searched, energies(-0.1, -0.1, -0.1, 0.0))
    assert 'in 75 % of 4 images the prior prefers' in verdict(searched, energies(0.0, 0.1, 0.0, 0.0))
    nothing = verdict(energies(0.0, 0.0, 0.0, 0.0), energies(0.0, 0.0, 0.0, 0.0))
    assert nothing.startswith('Verdict: nothing stands out in 4 images')
    assert all(sentence.count('\n') == 0 for sentence in (nothing, verdict(searched, searched)))
