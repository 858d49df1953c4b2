"""Boxes, labels and scores out of found layouts, and scores that scikit-learn would give too."""
import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.runner import load_checkpoint, save_checkpoint
from sklearn.linear_model import LogisticRegression

from dive_mmdet.checkpoints.loading import WeightsMismatch
from dive_mmdet.heads import LayoutHead
from dive_mmdet.heads.calibration import fit_choice, fit_logistic
from dive_mmdet.heads.layout_head import FoundObjects
from dive_mmdet.layout import LayoutTokenizer, LayoutVocabulary
from dive_mmdet.structures import Inversion

VOCABULARY = LayoutVocabulary(num_classes=3, num_objects=4, grid=11)
PUBLISHED = LayoutVocabulary(num_classes=3, num_objects=4, num_tokens=125, shared_ids=True, encode_crop=True)


def tokens(*objects, vocabulary=VOCABULARY):
    """(label, x0, y0, x1, y1) in grid steps each, not checked; None leaves a slot empty."""
    ids = vocabulary.empty()
    for slot, entry in enumerate(objects):
        if entry is not None:
            label, x0, y0, x1, y1 = entry
            ids[3 * slot:3 * slot + 3] = torch.tensor(
                [vocabulary.class_offset + label, y0 * vocabulary.grid + x0, y1 * vocabulary.grid + x1])
    return ids


def inversion(*layouts, evidence=None, vocabulary=VOCABULARY):
    """All classes but the found one explain nothing."""
    shape = (len(layouts), 4)
    ids = torch.stack(layouts)
    evidence = torch.ones(shape) if evidence is None else torch.tensor(evidence)
    own = (vocabulary.objects(ids)[..., 0] - vocabulary.class_offset).clamp(0, 2)
    return Inversion(ids=ids, energy=torch.zeros(shape[0]), evidence=evidence,
                     class_evidence=torch.nn.functional.one_hot(own, 3) * evidence[..., None],
                     nfe=torch.zeros(shape[0], dtype=torch.long))


HEAD = LayoutHead(labels_per_object=1)


def sample(ori_shape, img_shape=(64, 64)):
    return DetDataSample(metainfo=dict(ori_shape=ori_shape, img_shape=img_shape))


@pytest.mark.parametrize('rescale', [True, False])
def test_boxes_come_out_in_pixels_of_images_that_are_not_square(rescale):
    """A grid of 11 points has steps of a tenth: of 200 x 50, of 30 x 90, of 64 x 32."""
    found = inversion(tokens((2, 1, 2, 5, 10), (0, 0, 0, 10, 3)), tokens(None, (1, 3, 4, 4, 6)))
    first, second = HEAD.decode(found, VOCABULARY, [sample((50, 200), (32, 64)), sample((90, 30), (32, 64))],
                                        rescale)
    expected = ([[20, 10, 100, 50], [0, 0, 200, 15]], [[9, 36, 12, 54]]) if rescale else (
        [[6.4, 6.4, 32, 32], [0, 0, 64, 9.6]], [[19.2, 12.8, 25.6, 19.2]])
    for result, boxes, labels in ((first, expected[0], [2, 0]), (second, expected[1], [1])):
        torch.testing.assert_close(result.bboxes, torch.tensor(boxes, dtype=torch.float32), rtol=0, atol=1e-4)
        assert result.labels.tolist() == labels and result.bboxes.dtype == result.scores.dtype == torch.float32


def test_decoding_undoes_encoding():
    generator = torch.Generator().manual_seed(0)
    low, high = torch.randint(0, 5, (4, 2), generator=generator), torch.randint(5, 11, (4, 2), generator=generator)
    boxes, labels = torch.cat([low, high], dim=1) / 10, torch.tensor([0, 1, 2, 0])
    ids = LayoutTokenizer(VOCABULARY).encode(boxes, labels)
    result, = LayoutHead(1, nms_iou=1.0).decode(inversion(ids), VOCABULARY, [sample((10, 10))])
    torch.testing.assert_close(result.bboxes, 10 * boxes, rtol=0, atol=1e-5)
    assert torch.equal(result.labels, labels)


def test_boxes_without_area_are_dropped():
    found = inversion(tokens((0, 5, 2, 1, 6), (1, 1, 6, 5, 2), (2, 3, 1, 3, 9), (0, 1, 1, 2, 2)))
    result, = HEAD.decode(found, VOCABULARY, [sample((10, 10))])
    assert result.bboxes.tolist() == [[1, 1, 2, 2]] and len(result.labels) == len(result.scores) == 1


@pytest.mark.parametrize('vocabulary', [VOCABULARY, PUBLISHED])
def test_corners_that_are_none_are_dropped(vocabulary):
    """The published vocabulary's none is beyond the grid, below and to the right of every corner."""
    ids = tokens((0, 1, 1, 4, 4), (1, 1, 1, 5, 5), (2, 2, 2, 3, 3), vocabulary=vocabulary)
    ids[2], ids[4] = vocabulary.none, vocabulary.none
    result, = HEAD.decode(inversion(ids, vocabulary=vocabulary), vocabulary, [sample((10, 10))])
    assert result.labels.tolist() == [2] and result.bboxes.tolist() == [[2, 2, 3, 3]]


@pytest.mark.parametrize('layout', [tokens(), tokens((0, 5, 5, 2, 2))])
def test_nothing_found_is_an_empty_result(layout):
    result, = HEAD.decode(inversion(layout), VOCABULARY, [sample((10, 10))])
    assert result.bboxes.shape == (0, 4) and result.labels.shape == result.scores.shape == (0,)
    assert result.labels.dtype == torch.int64


@pytest.mark.parametrize('evidence, labels, boxes', [
    ([[0.3, 0.2, 0.1, 0.4]], [0, 1, 1], [[0, 0, 5, 5], [0, 0, 5, 5], [5, 5, 10, 10]]),
    ([[0.1, 0.2, 0.3, 0.4]], [1, 0, 1], [[0, 0, 5, 5], [0, 0, 4, 5], [5, 5, 10, 10]])])
def test_of_two_of_a_class_the_one_of_less_evidence_goes(evidence, labels, boxes):
    """IoU 0.8 within class 0; a box of class 1 lies on both and stays."""
    found = inversion(tokens((0, 0, 0, 5, 5), (1, 0, 0, 5, 5), (0, 0, 0, 4, 5), (1, 5, 5, 10, 10)), evidence=evidence)
    result, = HEAD.decode(found, VOCABULARY, [sample((10, 10))])
    assert result.labels.tolist() == labels and result.bboxes.tolist() == boxes


def test_duplicates_begin_where_they_are_said_to():
    found = inversion(tokens((0, 0, 0, 5, 10), (0, 0, 0, 4, 10)), evidence=[[2.0, 1.0, 0.0, 0.0]])  # IoU 0.8
    for limit, count in ((0.79, 1), (0.81, 2)):
        result, = LayoutHead(1, nms_iou=limit).decode(found, VOCABULARY, [sample((10, 10))])
        assert len(result.bboxes) == count and result.bboxes[0].tolist() == [0, 0, 5, 10]


def objects(evidence, class_evidence=None, boxes=None):
    """Found objects in one box, the first class of which was found."""
    evidence = torch.as_tensor(evidence)
    return FoundObjects(boxes=torch.tensor([[0.1, 0.1, 0.5, 0.6]]).repeat(len(evidence), 1) if boxes is None else boxes,
                        labels=torch.zeros(len(evidence), dtype=torch.long), evidence=evidence,
                        class_evidence=evidence[:, None] if class_evidence is None else torch.tensor(class_evidence))


def test_scores_rise_with_evidence_and_stay_in_bounds():
    evidence = torch.tensor([-1.0, 0.0, 1e-6, 0.01, 0.5, 1.0, 30.0, 1e5])
    head = LayoutHead()
    scores = head.scores(head.features(objects(evidence)))
    assert bool(((scores >= 0) & (scores <= 1)).all())
    assert bool((scores[1:].diff() > 0).all()) and scores[0] == scores[1]
    # The default is the logistic function of log evidence.
    torch.testing.assert_close(scores[3:], evidence[3:] / (1 + evidence[3:]), rtol=1e-5, atol=0)


def test_features_are_what_they_are_called():
    found = objects([0.5, 0.2], [[0.5, 0.1, 0.4], [0.2, -0.9, -0.5]],
                    boxes=torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.2, 0.4, 0.4, 0.9]]))
    expected = np.array([[np.log(0.5), np.log(0.5 / 0.25), np.log(0.1), 0.2],
                         [np.log(0.2), np.log(0.2 / 0.1), np.log(0.2), 1.0]])  # a margin is at most the evidence
    np.testing.assert_allclose(LayoutHead.features(found).numpy(), expected, rtol=1e-5)
    worse = np.array([[0.0, -0.4, -0.1], [0.0, -1.1, -0.7]])
    np.testing.assert_allclose(LayoutHead.class_features(found).numpy(),
                               np.stack([worse, worse / [[0.5], [0.2]]], axis=2), rtol=1e-5, atol=1e-7)


def test_a_detection_is_an_object_times_a_class():
    """Three classes, evidence 1: differences 0, 0.1 and 1 are logits 0, -2 and -20 by default; an object is 1 / 2."""
    ids = tokens((0, 1, 1, 5, 5))
    found = inversion(ids)
    found.class_evidence[0, 0] = torch.tensor([1.0, 0.9, 0.0])
    chances = np.exp([0.0, -2.0, -20.0])
    chances = 0.5 * chances / chances.sum()
    for count in (1, 2, 3):
        result, = LayoutHead(labels_per_object=count).decode(found, VOCABULARY, [sample((10, 10))])
        assert result.labels.tolist() == [0, 1, 2][:count] and result.bboxes.tolist() == [[1, 1, 5, 5]] * count
        np.testing.assert_allclose(result.scores.numpy(), chances[:count], rtol=1e-4)


def test_the_found_label_comes_first_even_where_another_explains_more():
    found = inversion(tokens((2, 1, 1, 5, 5)))
    found.class_evidence[0, 0] = torch.tensor([0.2, 1.3, 1.0])
    result, = HEAD.decode(found, VOCABULARY, [sample((10, 10))])
    assert result.labels.tolist() == [2]
    both, = LayoutHead(labels_per_object=2).decode(found, VOCABULARY, [sample((10, 10))])
    assert both.labels.tolist() == [2, 1] and both.scores[1] > both.scores[0]


def test_another_label_of_one_object_is_a_duplicate_of_the_object_that_has_it():
    found = inversion(tokens((0, 0, 0, 5, 10), (1, 0, 0, 5, 9)))
    found.class_evidence[0, :2] = torch.tensor([[1.0, 0.95, 0.0], [0.0, 1.0, 0.95]])
    result, = LayoutHead(labels_per_object=2).decode(found, VOCABULARY, [sample((10, 10))])
    assert list(zip(result.labels.tolist(), result.bboxes[:, 3].tolist())) == [(0, 10), (1, 9), (2, 9)]


def test_modifiers_of_a_class_are_one_class():
    """Class ids 0 to 2 and, with the group flag, 3 to 5."""
    probabilities = HEAD.class_probabilities(torch.tensor([[[0.0, x] for x in (0.0, -0.1, -9, -0.05, -9, -9)]]),
                                             LayoutVocabulary(num_classes=3, num_objects=4, grid=11, use_group=True))
    weights = np.exp(20 * np.array([0.0, -0.1, -9, -0.05, -9, -9]))
    np.testing.assert_allclose(probabilities[0].numpy(), weights.reshape(2, 3).sum(axis=0) / weights.sum(),
                               rtol=1e-5, atol=1e-30)


def test_no_label_is_refused():
    with pytest.raises(ValueError, match='labels_per_object >= 1, got 0'):
        LayoutHead(labels_per_object=0)


def random_objects(count=400):
    """Features of very different scale, and whether the object is right, more likely so with some of them."""
    random = np.random.default_rng(0)
    features = random.normal(size=(count, 4)) * [1.0, 20.0, 0.1, 3.0] + [0.0, -5.0, 2.0, 1.0]
    chance = 1 / (1 + np.exp(-(1.5 * features[:, 0] - 0.1 * features[:, 1] + 0.5)))
    return features, random.uniform(size=count) < chance


@pytest.mark.parametrize('l2', [1e-3, 1e-2, 1.0])
def test_logistic_agrees_with_scikit_learn(l2):
    """Which sums losses over the objects and halves the square of the weights, hence its C."""
    features, correct = random_objects()
    standard = (features - features.mean(axis=0)) / features.std(axis=0, ddof=1)
    weight, bias, loss = fit_logistic(torch.tensor(standard), torch.tensor(correct), l2)
    theirs = LogisticRegression(C=1 / (2 * len(features) * l2), tol=1e-10, max_iter=10_000).fit(standard, correct)
    np.testing.assert_allclose(weight.numpy(), theirs.coef_[0], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(float(bias), theirs.intercept_[0], rtol=1e-3, atol=1e-4)
    chance = theirs.predict_proba(standard)[:, 1]
    assert loss == pytest.approx(-np.log(np.where(correct, chance, 1 - chance)).mean(), rel=1e-4)


@pytest.mark.parametrize('l2', [1e-3, 1e-1])
def test_a_choice_of_two_is_a_logistic_function_of_the_difference(l2):
    features, chosen = random_objects()
    pairs = np.stack([np.zeros_like(features), features], axis=1) + np.random.default_rng(1).normal(size=(400, 1, 4))
    weight, _ = fit_choice(torch.tensor(pairs), torch.tensor(chosen).long(), l2)
    theirs = LogisticRegression(C=1 / (2 * 400 * l2), tol=1e-10, max_iter=10_000, fit_intercept=False)
    np.testing.assert_allclose(weight.numpy(), theirs.fit(features, chosen).coef_[0], rtol=1e-3, atol=1e-4)


def random_choices(count=600, classes=3):
    """Class features drawn for objects of known truth: logits are 3 x energy share, of which the best is 0."""
    random = np.random.default_rng(2)
    logits = random.normal(size=(count, classes)) * 2
    truth = np.array([random.choice(classes, p=np.exp(row) / np.exp(row).sum()) for row in logits])
    shares = (logits - logits.max(axis=1, keepdims=True)) / 3
    return torch.tensor(np.stack([0.01 * shares * random.uniform(0.5, 2, (count, 1)), shares], axis=2)), \
        torch.tensor(truth), torch.tensor(logits).softmax(dim=1)


def test_calibrated_probabilities_are_those_that_the_outcomes_were_drawn_from():
    features, there = random_objects(4000)
    class_features, labels, chances = random_choices()
    head = LayoutHead()
    loss, class_loss = head.calibrate(torch.tensor(features), torch.tensor(there), class_features, labels, l2=1e-4)
    scores = head.scores(torch.tensor(features).float()).numpy()
    expected = 1 / (1 + np.exp(-(1.5 * features[:, 0] - 0.1 * features[:, 1] + 0.5)))
    assert np.abs(scores - expected).mean() < 0.02
    assert float((head.class_probabilities(class_features, VOCABULARY) - chances).abs().mean()) < 0.03
    assert loss == pytest.approx(-np.log(np.where(there, scores, 1 - scores)).mean(), rel=1e-3)
    own = head.class_probabilities(class_features, VOCABULARY)[torch.arange(600), labels]
    assert class_loss == pytest.approx(float(-own.log().mean()), rel=1e-3)


def test_calibration_needs_both_outcomes():
    class_features, labels, _ = random_choices()
    for there in (torch.ones(5), torch.zeros(5)):
        with pytest.raises(ValueError, match='Calibration needs right and wrong objects'):
            LayoutHead().calibrate(torch.randn(5, 4), there.bool(), class_features, labels)


def test_a_feature_that_never_varies_does_no_harm():
    features, there = random_objects(50)
    features[:, 3] = 1.0
    class_features, labels, _ = random_choices()
    class_features[..., 0] = 0.0
    head = LayoutHead()
    assert np.isfinite(head.calibrate(torch.tensor(features), torch.tensor(there), class_features, labels)).all()
    assert bool(head.scores(torch.tensor(features).float()).isfinite().all())
    assert bool(head.class_probabilities(class_features, VOCABULARY).isfinite().all())


def test_calibration_travels_with_the_weights(tmp_path):
    features, there = random_objects()
    class_features, labels, _ = random_choices()
    head, other = LayoutHead(), LayoutHead()
    head.calibrate(torch.tensor(features), torch.tensor(there), class_features, labels)

    def both(any_head):
        return torch.cat([any_head.scores(torch.tensor(features).float()),
                          any_head.class_probabilities(class_features, VOCABULARY).flatten()])
    before = both(head)
    assert not torch.allclose(both(other), before, atol=0.05)
    save_checkpoint(dict(state_dict=head.state_dict()), str(tmp_path / 'head.pth'))
    load_checkpoint(other, str(tmp_path / 'head.pth'))
    assert torch.equal(both(other), before)


def test_weights_without_a_calibration_are_refused():
    with pytest.raises(WeightsMismatch, match='does not fit the calibration of the head'):
        LayoutHead().load_state_dict({}, strict=False)
