# The best step of every side is compared on all pairs, however little it promises.
_base_ = ['../dive_digit-scenes.py']

model = dict(inverter=dict(rescore=dict(doubt=1e9)))
