# Every question about an object has layouts of its own and is read in the whole image.
_base_ = ['../dive_digit-scenes.py']

model = dict(inverter=dict(joint=False))
