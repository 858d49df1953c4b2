# The published inversion on the digit scenes: AdamW on a continuous condition, epsilon at all timesteps alike, at the
# published learning rate, the best of five (docs/tuning_log.md).
_base_ = ['./dive_digit-scenes.py']

model = dict(
    inverter=dict(
        _delete_=True, type='dive_mmdet.GradientInverter', distance='l2', loops=20, pairs_per_step=4, lr=0.01),
    objective=dict(num_pairs=16, low=0, high=1000),
    prior_weight=0.03,  # as much beside what true layouts explain at all timesteps
    batch_size=512)
