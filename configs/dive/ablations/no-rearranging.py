# Objects are added, moved and classified; none is split, merged or moved far.
_base_ = ['../dive_digit-scenes.py']

model = dict(inverter=dict(rearrange=dict(rounds=0)))
