# DIVE on COCO with a public GLIGEN: boxes as numbers, classes by their names, nothing trained for COCO. Images are
# resized to a square. README.md beside this has the commands; other classes are another list of names.
_base_ = ['../../_base_/datasets/coco_layouts.py', '../../_base_/categories/layout2img_openimages.py',
          '../../_base_/models/stable_diffusion_512.py', '../../_base_/models/zero_shot_search.py',
          '../../_base_/dive.py']

image_size = 512
width = 768  # of phrases and caption
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
        vocabulary=dict(num_classes=len(classes), num_objects=30, grid=129),
        table=dict(type='dive_mmdet.CoordinateTable', class_dim=width),
        first_stage={{_base_.stable_diffusion_first_stage}}, schedule={{_base_.stable_diffusion_schedule}},
        condition=dict(type='dive_mmdet.GroundingEncoder', width=width, slots=30),
        # `grounded_from=700` shuts the gates where `StableDiffusionGLIGENPipeline` does at its default of 0.3.
        denoiser=dict(type='dive_mmdet.DiffusersUNet', grounded_from=0,
                      model=dict(_base_.stable_diffusion_1_unet, attention_type='gated')),
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
