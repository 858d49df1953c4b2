# Boxes of new objects are moved by the steps of a gradient alone.
_base_ = ['../dive_digit-scenes.py']

model = dict(inverter=dict(boxes=dict(scan=0)))
