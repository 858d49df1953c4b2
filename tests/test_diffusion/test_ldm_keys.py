"""Every weight of a public layout-to-image checkpoint finds its place, also at the released depth."""
from pathlib import Path

import pytest
import torch
from helpers.ldm_names import first_stage_keys, unet_keys

from dive_mmdet.checkpoints.loading import WeightsMismatch
from dive_mmdet.diffusion import NoiseSchedule, SpatialTransformerUNet, TokenTransformer, VQFirstStage
from dive_mmdet.diffusion.published import ldm_keys

CHECKPOINT = Path(__file__).parents[1] / 'data/ldm_layout2img/model.ckpt'


@pytest.fixture(scope='module')
def checkpoint():
    return torch.load(CHECKPOINT, map_location='cpu', weights_only=True)['state_dict']


def numbered(prefix, keys):
    """A checkpoint whose values say which key they came from."""
    return {prefix + key: torch.full((1, 1, 1, 1), number) for number, key in enumerate(keys)}


def places(converted, keys):
    """Original name by new name."""
    return {new: keys[int(value)] for new, value in converted.items()}


def test_the_names_written_down_here_are_the_originals(checkpoint):
    unet = {key[len(ldm_keys.UNET):] for key in checkpoint if key.startswith(ldm_keys.UNET)}
    assert set(unet_keys(mult=(1, 2), blocks=1, attention=(1, 2), depth=1)) == unet
    stage = {key[len(ldm_keys.FIRST_STAGE):] for key in checkpoint if key.startswith(ldm_keys.FIRST_STAGE)}
    assert set(first_stage_keys(mult=(1, 1, 1), blocks=1)) == stage


def test_every_weight_of_the_released_unet_has_a_place():
    sizes = dict(channel_mult=(1, 2, 3, 4), num_res_blocks=2, transformer_depth=3)
    with torch.device('meta'):
        unet = SpatialTransformerUNet(sample_size=64, channels=3, base_channels=128, context_dim=512,
                                      attention_downsampling=(2, 4, 8), **sizes)
    keys = unet_keys(mult=(1, 2, 3, 4), blocks=2, attention=(2, 4, 8), depth=3)
    found = places(ldm_keys.unet_weights(numbered(ldm_keys.UNET, keys), ema=False), keys)
    assert set(found) == set(unet.state_dict()) and len(set(found.values())) == len(keys)
    assert found['unet.down_blocks.0.resnets.1.conv1.weight'] == 'input_blocks.2.0.in_layers.2.weight'
    assert found['unet.down_blocks.3.attentions.1.proj_in.bias'] == 'input_blocks.11.1.proj_in.bias'
    assert found['unet.mid_block.resnets.1.norm2.weight'] == 'middle_block.2.out_layers.0.weight'
    assert found['unet.up_blocks.0.upsamplers.0.conv.weight'] == 'output_blocks.2.2.conv.weight'
    assert found['unet.up_blocks.3.resnets.2.conv_shortcut.weight'] == 'output_blocks.11.0.skip_connection.weight'


def test_every_weight_of_the_released_first_stage_has_a_place():
    with torch.device('meta'):
        stage = VQFirstStage(model=dict(
            down_block_types=['DownEncoderBlock2D'] * 3, up_block_types=['UpDecoderBlock2D'] * 3,
            block_out_channels=[128, 256, 512], layers_per_block=2, num_vq_embeddings=8192))
    keys = first_stage_keys(mult=(1, 2, 4), blocks=2)
    found = places(ldm_keys.first_stage_weights(numbered(ldm_keys.FIRST_STAGE, keys)), keys)
    assert set(found) == set(stage.state_dict()) and len(set(found.values())) == len(keys)
    prefix = 'autoencoder.decoder.up_blocks'
    assert found[f'{prefix}.1.resnets.0.conv_shortcut.weight'] == 'decoder.up.1.block.0.nin_shortcut.weight'
    assert found[f'{prefix}.0.upsamplers.0.conv.weight'] == 'decoder.up.2.upsample.conv.weight'


def test_every_weight_of_the_token_transformer_has_a_place(checkpoint):
    transformer = TokenTransformer(row_dim=16, length=11, num_layers=2)
    weights = ldm_keys.token_transformer_weights(checkpoint)
    shapes = {key: value.shape for key, value in weights.items()}
    assert shapes == {key: value.shape for key, value in transformer.state_dict().items()}
    layers = ldm_keys.TRANSFORMER + 'attn_layers.layers'
    assert weights['layers.1.attention.to_k.weight'] is checkpoint[f'{layers}.2.1.to_k.weight']
    assert weights['layers.1.mlp_norm.bias'] is checkpoint[f'{layers}.3.0.bias']


def test_a_conversion_leaves_the_checkpoint_alone(checkpoint):
    before = {key: value.clone() for key, value in checkpoint.items()}
    ldm_keys.generator_weights(checkpoint)
    assert before.keys() == checkpoint.keys() and all(torch.equal(before[key], checkpoint[key]) for key in before)


@pytest.mark.parametrize('lost, sentence', [
    ('cond_stage_model.', "No key of the checkpoint begins with 'cond_stage_model.transformer.token_emb.'"),
    ('first_stage_model.', "No key of the checkpoint begins with 'first_stage_model.'"),
    ('model_ema.', 'lacks 286 of 286 averaged weights'),
    ('model_ema.diffusion_modelout2bias', 'lacks 1 of 286 averaged weights'),
    ('model.diffusion_model.out.2.bias', 'lacks the raw weights of 1 averaged ones .*modelout2bias'),
    ('first_stage_model.decoder.up.1.upsample.conv.bias', 'lacks .first_stage_model.decoder.up.1.upsample.conv.bias'),
])
def test_a_checkpoint_without_a_part_is_refused(checkpoint, lost, sentence):
    with pytest.raises(WeightsMismatch, match=sentence):
        ldm_keys.generator_weights({key: value for key, value in checkpoint.items() if not key.startswith(lost)})


@pytest.mark.parametrize('prefix', [ldm_keys.UNET, ldm_keys.FIRST_STAGE, 'cond_stage_model.', ''])
def test_weights_that_the_published_network_has_not_are_named(checkpoint, prefix):
    foreign = {**checkpoint, prefix + 'label_emb.weight': torch.zeros(1), prefix + 'label_emb.bias': torch.zeros(1)}
    names = rf'2 keys .* have no place \({prefix}label_emb.weight, {prefix}label_emb.bias\): this is not the network'
    with pytest.raises(WeightsMismatch, match=names):
        ldm_keys.generator_weights(foreign, ema=False)


def test_a_downsampling_without_bias_leaves_the_bias_out(checkpoint):
    """diffusers' converter would hand on None."""
    lost = ldm_keys.UNET + 'input_blocks.2.0.op.bias'
    weights = ldm_keys.unet_weights({key: value for key, value in checkpoint.items() if key != lost}, ema=False)
    assert all(value is not None for value in weights.values())
    assert 'unet.down_blocks.0.downsamplers.0.conv.bias' not in weights


def test_the_schedule_of_the_training_must_be_the_configs(checkpoint):
    ldm_keys.require_schedule(checkpoint, NoiseSchedule())
    ldm_keys.require_schedule({}, NoiseSchedule(schedule='linear'))
    for other in (NoiseSchedule(schedule='linear'), NoiseSchedule(num_steps=500), NoiseSchedule(beta_end=0.012)):
        with pytest.raises(WeightsMismatch, match='trained with another noise schedule'):
            ldm_keys.require_schedule(checkpoint, other)


def test_all_weights_are_needed(checkpoint):
    """Nothing that is left out would be guessed: loading refuses what lacks a single weight."""
    stage = VQFirstStage(model=dict(
        down_block_types=['DownEncoderBlock2D'] * 3, up_block_types=['UpDecoderBlock2D'] * 3,
        block_out_channels=[32] * 3, layers_per_block=1, num_vq_embeddings=64))
    weights = ldm_keys.first_stage_weights(checkpoint)
    stage.load_state_dict(weights)
    weights = ldm_keys.first_stage_weights(
        {key: value for key, value in checkpoint.items() if ldm_keys.CODEBOOK not in key})
    with pytest.raises(RuntimeError, match='autoencoder.quantize.embedding.weight'):
        stage.load_state_dict(weights)
