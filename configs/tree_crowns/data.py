# Tree crowns in airborne photographs: `python tools/dataset_converters/make_tree_crowns.py` writes them.
data_root = 'data/tree_crowns/'
annotations = dict(  # file and image folder below data_root: to train on; to check and calibrate on; to evaluate on
    train=('train.json', 'train/'), val=('val.json', 'val/'), test=('test.json', 'test/'))
classes = ('tree',)  # names and order of the annotation files
num_objects = 16  # slots: as many as the fullest image has objects
image_size = 96  # side of the square that images are resized to, a multiple of 8

# ---- often changed: what the data allow, and how long ----
flip = ('horizontal', 'vertical', 'diagonal')  # as good: 'horizontal', 'vertical', 'diagonal'; () for none
crop = 0.7  # least part of an image's width and height that a random crop of the training keeps; 1 for no crops
jitter = dict(blur=0.8, colour=0.25)  # of the training: largest blur in pixels, largest change of colours; 0 for none
sides = (0.1, 0.6)  # longer sides of the smallest and the largest objects, as parts of the image's side
iterations = 5000  # of the generator, 32 images each
precision = 'bfloat16'  # of the networks' products: faster where the CPU has AVX512-BF16; 'float32' where it has not
compiled = True  # networks by the C++ compiler: minutes at the start of a run, less time for an evaluation
object_cost = 0.0004  # energy that an object must be worth; tools/misc/measure_costs.py measures both on `val`
prior_weight = 0.0  # of p(layout) in the search; 0 leaves it out
