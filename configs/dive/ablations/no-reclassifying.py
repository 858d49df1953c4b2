# No class is tried with a box that suits it better.
_base_ = ['../dive_digit-scenes.py']

model = dict(inverter=dict(classes=dict(beam=0)))
