# The published inversion: AdamW on a continuous condition, epsilon at all timesteps alike. 4 starts x 20 loops over 16
# pairs, 5,120 evaluations an image without its evidence.
_base_ = ['./dive_layout2img_coco-zero-shot.py']

model = dict(
    inverter=dict(_delete_=True, type='dive_mmdet.GradientInverter', distance='l2', loops=20, pairs_per_step=4, lr=1e-2,
                  starts=4),
    objective=dict(num_pairs=16, low=0, high=1000),
    batch_size=64)
