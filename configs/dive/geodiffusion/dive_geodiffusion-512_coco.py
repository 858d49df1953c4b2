# DIVE on COCO with a public GeoDiffusion, which was trained on COCO-Stuff: a layout is a prompt with location tokens.
# The 80 things are searched, the 91 kinds of stuff are not. Images are squashed to a square, as in its training.
# README.md beside this has the commands.
_base_ = ['../../_base_/datasets/coco_layouts.py', '../../_base_/categories/layout2img_openimages.py',
          '../../_base_/models/stable_diffusion_512.py', '../../_base_/models/zero_shot_search.py',
          '../../_base_/dive.py']

image_size = 512
width = 768  # of words and context
words = 3  # of the longest name, `fire hydrant`, in CLIP's tokens
classes = tuple(_base_.coco_categories)
model = dict(
    # ---- often changed: what is searched, how hard ----
    inverter={{_base_.zero_shot_inverter}},
    objective={{_base_.zero_shot_objective}},
    batch_size=16,  # network evaluations at once: bounds the memory
    # ---- rarely changed: the model ----
    type='DIVEDetector', _scope_='dive_mmdet',
    data_preprocessor=dict(type='dive_mmdet.GreyOrColourDetPreprocessor', mean=[127.5] * 3, std=[127.5] * 3,
                           bgr_to_rgb=True),
    backbone=dict(
        type='dive_mmdet.LayoutGenerator', channels_last=True,
        vocabulary=dict(num_classes=len(classes), num_objects=18, grid=256),
        table=dict(type='dive_mmdet.PromptTable', width=width, words=words),
        first_stage={{_base_.stable_diffusion_first_stage}}, schedule={{_base_.stable_diffusion_schedule}},
        # The text encoder of Stable Diffusion 1; `An image with` is three words, the begin another.
        condition=dict(type='dive_mmdet.PromptEncoder', width=width, words=words, before=4, num_layers=12,
                       num_heads=12, mlp_width=3072),
        denoiser=dict(type='dive_mmdet.DiffusersUNet', model={{_base_.stable_diffusion_1_unet}}),
        prediction_type='epsilon'),
    bbox_head=dict(type='dive_mmdet.LayoutHead'))

test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(image_size, image_size), keep_ratio=False),
    dict(type='LoadAnnotations', with_bbox=True),  # after the resizing: boxes to compare with stay in original pixels
    {{_base_.pack}},
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
