"""The settings of a search for layouts, in groups."""
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields

AT_LEAST_ONE = {'anchors', 'candidates', 'class_keep', 'class_pairs', 'keep', 'pairs', 'scan_pairs', 'size'}


@dataclass(frozen=True)
class Anchors:
    """Boxes that objects start from, and bounds of all boxes.

    Attributes:
        scales: longer sides of the anchors as parts of the image's side.
        ratios: width over height.
        overlap: part of an anchor that neighbours along an axis share at least.
        min_side, max_side: bounds of a box's sides as parts of the image's side.
    """
    scales: list[float]
    ratios: list[float]
    overlap: float = 0.5
    min_side: float = 0.05
    max_side: float = 1.0


@dataclass(frozen=True)
class Add:
    """New objects.

    Attributes:
        candidates: anchors that are proposed for an image at a time.
        nms_iou: two of them overlap by at most this.
        rungs: first pairs of the bank on which they are compared, ascending.
        keep: so many of an image go on from a rung to the next.
        area_exponent: objects are taken in the order of gain over area to this power; by gain alone one box over two
            neighbours would come before each of them.
        classes: where there are no more than so many, a new object is also offered with each of them.
        sweep: anchors that no object touches are ranked by what they gain as objects of unknown class on so many first
            pairs of the bank, all of them asked together; 0: the dictionary ranks all anchors.
    """
    candidates: int = 16
    nms_iou: float = 0.5
    rungs: tuple[int, ...] = (4, 8)
    keep: int = 8
    area_exponent: float = 0.6
    classes: int = 0
    sweep: int = 0


@dataclass(frozen=True)
class Boxes:
    """Sides of the boxes that objects have.

    Attributes:
        longest: step that a gradient may recommend, as a part of the image's side; powers of two grid steps up to it
            are tried.
        pairs: first pairs of the bank on which gradients are taken and steps compared.
        rounds: of steps, at most.
        scan: single sides of a new box are first moved by this part of the image's side; 0 leaves that out.
        scan_pairs: on which those are compared.
        axes: before the last look the two sides of an axis are moved together by these parts of the image's side, in
            all combinations; none leaves that out.
        axes_rungs: first pairs of the bank on which those are compared, ascending.
    """
    longest: float = 1 / 32
    pairs: int = 4
    rounds: int = 4
    scan: float = 1 / 16
    scan_pairs: int = 2
    axes: tuple[float, ...] = ()
    axes_rungs: tuple[int, ...] = (2, 8)


@dataclass(frozen=True)
class Classes:
    """Classes of the objects.

    Attributes:
        rungs: first pairs of the bank on which they are compared, ascending.
        keep: so many of an object go on from a rung to the next.
        beam: so many other classes of an object are tried with boxes that suit them.
        reach: energy that moving a box may gain; classes further behind are not tried.
        scan: to suit a class, single sides are first moved by this part of the image's side; 0 leaves that out.
        shortlist: settings of `Shortlist`.
    """
    rungs: tuple[int, ...] = (4, 8)
    keep: int = 3
    beam: int = 2
    reach: float = 0.0005
    scan: float = 0.0
    shortlist: Mapping = field(default_factory=dict)


@dataclass(frozen=True)
class Shortlist:
    """Which classes an object is asked about, where there are more.

    Attributes:
        size: other classes of an object that are asked.
        pairs: first pairs of the bank on which the gradient is taken that ranks classes; three evaluations each.
        expected: weight of what the generator expects of each class, one evaluation a class for all images; 0 where
            nothing is to be expected from pure noise.
        side: of the box that it is expected in, as a part of the image's side.
    """
    size: int = 64
    pairs: int = 2
    expected: float = 2.0
    side: float = 0.4


@dataclass(frozen=True)
class Rearrange:
    """Splits, merges and long moves of objects, and neighbours that give way.

    Attributes:
        rounds: at most.
        anchors: that an object is offered.
        sides: single sides are moved, or grow into a neighbour, by these parts of the image's side.
        rungs: first pairs of the bank on which offers are compared, ascending.
        keep: so many of an object and a kind of change go on from a rung to the next.
    """
    rounds: int = 2
    anchors: int = 6
    sides: tuple[float, ...] = (1 / 16, 1 / 8)
    rungs: tuple[int, ...] = (2, 8)
    keep: int = 2


@dataclass(frozen=True)
class Rescore:
    """The last look at the objects, on the whole bank.

    Attributes:
        rungs: first pairs of the bank on which steps of boxes are compared, ascending.
        doubt: a step goes on if it gains, or might, by so many standard errors over the pairs.
        rounds: of steps, at most.
        class_pairs: first pairs on which all classes are compared.
        class_keep: so many classes of an object are then compared on the whole bank.
    """
    rungs: tuple[int, ...] = (4, 8, 16)
    doubt: float = 1.5
    rounds: int = 3
    class_pairs: int = 4
    class_keep: int = 3


def group(kind: type, settings: Mapping, name: str):
    """A group of settings from what a config says of it.

    Raises:
        ValueError: an unknown or missing key, rungs that do not ascend, or a number of pairs or offers below 1.
    """
    known = {part.name for part in fields(kind)}
    needed = {part.name for part in fields(kind) if part.default is part.default_factory is MISSING}
    unknown, missing = sorted(set(settings) - known), sorted(needed - set(settings))
    if unknown or missing:
        wrong = f'has no setting `{unknown[0]}`' if unknown else f'lacks `{missing[0]}`'
        raise ValueError(f'`model.inverter.{name}` {wrong}: it has {", ".join(sorted(known))}.')
    built = kind(**settings)
    for key in known & {'rungs', 'axes_rungs'}:
        rungs = list(getattr(built, key))
        if not rungs or rungs != sorted(set(rungs)) or rungs[0] < 1:
            raise ValueError(f'`model.inverter.{name}.{key}` compares on more and more pairs, got {rungs}: give '
                             'ascending numbers from 1.')
    if not all(0 < part <= 1 for part in getattr(built, 'axes', ())):
        raise ValueError(f'`model.inverter.{name}.axes` is {built.axes!r}: give parts of the side of the image, above '
                         '0 and at most 1.')
    if not getattr(built, 'doubt', 0) >= 0:
        raise ValueError(f'`model.inverter.{name}.doubt` is {built.doubt!r}: give standard errors, 0 or more.')
    for key in known & AT_LEAST_ONE:
        require_count(getattr(built, key), f'{name}.{key}')
    return built


def require_count(value: int, key: str) -> None:
    """Raises ValueError where a setting of the search is no whole number of 1 or more."""
    if not isinstance(value, int) or value < 1:
        raise ValueError(f'`model.inverter.{key}` is {value!r}: give a whole number of 1 or more.')
