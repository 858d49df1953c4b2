# The published inversion on the 1,000 digit strings, on the bank that all methods share. The learning rate was chosen
# on training images (docs/tuning_log.md); the published one is 1e-2, for rows of a fiftieth of the size.
_base_ = ['./dive_digit-strings-1000.py']

model = dict(inverter=dict(
    _delete_=True, type='dive_mmdet.GradientInverter', distance='l2', loops=20, pairs_per_step=25, lr=15.0))
