layout_prior = dict(
    type='dive_mmdet.LayoutPrior', length=12, row_dim=17, width=128, num_layers=3, num_heads=4,
    schedule=dict(type='dive_mmdet.NoiseSchedule', schedule='linear', beta_start=1e-4, beta_end=2e-2),
    prediction_type='epsilon', num_pairs=8)
