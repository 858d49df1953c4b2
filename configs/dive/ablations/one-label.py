# One detection an object, as in the paper, instead of one for each of its three most probable classes.
_base_ = ['../dive_digit-scenes.py']

model = dict(bbox_head=dict(labels_per_object=1))
