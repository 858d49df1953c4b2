# A bank of 4 pairs instead of 32.
_base_ = ['../dive_digit-scenes.py']

model = dict(objective=dict(num_pairs=4))
