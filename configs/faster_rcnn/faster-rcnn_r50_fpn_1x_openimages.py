# mmdet's Faster R-CNN of OpenImages, on the images that DIVE is tested on.
_base_ = 'mmdet::openimages/faster-rcnn_r50_fpn_32xb2-1x_openimages.py'
