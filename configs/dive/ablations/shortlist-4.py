# Of an object's ten classes four are asked beside its own, those that a gradient and pictures of the classes promise.
_base_ = ['../dive_digit-scenes.py']

model = dict(inverter=dict(classes=dict(shortlist=dict(size=4))))
