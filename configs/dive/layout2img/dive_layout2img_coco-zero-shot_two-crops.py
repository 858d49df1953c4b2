# The squares at both ends of each image, searched apart and merged by mmdet: `python tools/test.py ... --tta`.
_base_ = ['./dive_layout2img_coco-zero-shot.py']

tta_model = dict(type='DetTTAModel', tta_cfg=dict(nms=dict(type='nms', iou_threshold=0.5), max_per_img=100))
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[
        [dict(type='dive_mmdet.SquareCrop', place=0.0), dict(type='dive_mmdet.SquareCrop', place=1.0)],
        [{{_base_.resize}}],
        [dict(type='LoadAnnotations', with_bbox=True)],
        [{{_base_.pack}}],
    ]),
]
