"""The report on the ranking of classes."""
import json
import sys

import class_ranking


def test_every_class_stands_somewhere(tiny_detector, monkeypatch, capsys):
    """Of ten classes the true one is among the first ten, and among more of the first the more often."""
    monkeypatch.setattr(sys, 'argv', ['', str(tiny_detector / 'config.py'), str(tiny_detector / 'weights.pth'),
                                      '--images', '3', '--pairs', '1', '--first', '1', '5', '10'])
    class_ranking.main()
    out = capsys.readouterr().out
    report = json.loads(out[out.index('{'):])
    assert report.pop('images') == report.pop('objects') == 3
    assert list(report) == ['gradient on 1 pairs', 'expected', 'gradient on 1 pairs and 2.0 expected']
    for found in report.values():
        assert sorted(found.values()) == list(found.values()) and found['first 10'] == 100
