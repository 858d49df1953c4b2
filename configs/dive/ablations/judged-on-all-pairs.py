# Layouts are judged on the whole bank from the start.
_base_ = ['../dive_digit-scenes.py']

model = dict(inverter=dict(pairs=32))
