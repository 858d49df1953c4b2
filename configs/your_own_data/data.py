# A data set of your own, in COCO format. These five lines are yours; all others follow from them.
data_root = 'data/pasted_shapes/'
annotations = dict(  # file and image folder below data_root: to train on; to check and calibrate on; to evaluate on
    train=('train.json', 'train/'), val=('val.json', 'val/'), test=('test.json', 'test/'))
classes = ('disc', 'triangle')  # names and order of the annotation files
num_objects = 32  # slots: as many as the fullest image has objects
image_size = 96  # side of the square that images are resized to, a multiple of 8

# ---- often changed: what the data allow, and how long ----
flip = ('horizontal',)  # as good: 'horizontal', 'vertical', 'diagonal'; () for none
crop = 1.0  # least part of an image's width and height that a random crop of the training keeps; 1 for no crops
jitter = dict(blur=0.0, colour=0.0)  # of the training: largest blur in pixels, largest change of colours; 0 for none
sides = (0.09, 0.18)  # longer sides of the smallest and the largest objects, as parts of the image's side
iterations = 6000  # of the generator, 32 images each
precision = 'bfloat16'  # of the networks' products: faster where the CPU has AVX512-BF16; 'float32' where it has not
compiled = True  # networks by the C++ compiler: minutes at the start of a run, less time for an evaluation
object_cost = 0.00028  # energy that an object must be worth; tools/misc/measure_costs.py measures both on `val`
prior_weight = 0.0  # of p(layout) in the search; 0 leaves it out
