# The same with iGLIGEN, made of Stable Diffusion 2.1.
_base_ = ['./dive_gligen_coco-zero-shot.py']

width = 1024
model = dict(backbone=dict(
    table=dict(class_dim=width), condition=dict(width=width),
    denoiser=dict(model=dict(_base_.stable_diffusion_2_unet, attention_type='gated')),
    prediction_type='v_prediction'))  # as its scheduler_config.json says; `epsilon` where that does
