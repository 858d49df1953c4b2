# Boxes stay where the search on few pairs left them.
_base_ = ['../dive_digit-scenes.py']

model = dict(inverter=dict(rescore=dict(rounds=0)))
