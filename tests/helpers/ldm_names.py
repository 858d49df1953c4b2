"""Names of the weights of a public layout-to-image checkpoint, written down from its code."""


def weight_and_bias(prefix, *names):
    return [f'{prefix}.{name}.{kind}' for name in names for kind in ('weight', 'bias')]


def unet_keys(mult, blocks, attention, depth):
    """Names in latent diffusion's `UNetModel`, written down from its constructor."""
    def residual(prefix, widens):
        names = ['in_layers.0', 'in_layers.2', 'emb_layers.1', 'out_layers.0', 'out_layers.3']
        return weight_and_bias(prefix, *names, *['skip_connection'] * widens)

    def transformer(prefix):
        keys = weight_and_bias(prefix, 'norm', 'proj_in', 'proj_out')
        for block in (f'{prefix}.transformer_blocks.{number}' for number in range(depth)):
            keys += [f'{block}.{attn}.to_{name}.weight' for attn in ('attn1', 'attn2') for name in 'qkv']
            keys += weight_and_bias(block, 'attn1.to_out.0', 'attn2.to_out.0', 'ff.net.0.proj', 'ff.net.2', 'norm1',
                                    'norm2', 'norm3')
        return keys

    keys = weight_and_bias('time_embed', '0', '2') + weight_and_bias('input_blocks', '0.0')
    number, last = 1, len(mult) - 1
    for level, factor in enumerate(mult):
        for block in range(blocks):
            keys += residual(f'input_blocks.{number}.0', widens=block == 0 and factor != mult[max(level - 1, 0)])
            keys += transformer(f'input_blocks.{number}.1') if 2 ** level in attention else []
            number += 1
        if level < last:
            keys += weight_and_bias(f'input_blocks.{number}.0', 'op')
            number += 1
    keys += residual('middle_block.0', False) + transformer('middle_block.1') + residual('middle_block.2', False)
    for number in range((last + 1) * (blocks + 1)):
        level = last - number // (blocks + 1)
        attends = 2 ** level in attention
        keys += residual(f'output_blocks.{number}.0', widens=True)
        keys += transformer(f'output_blocks.{number}.1') if attends else []
        if level and (number + 1) % (blocks + 1) == 0:
            keys += weight_and_bias(f'output_blocks.{number}.{1 + attends}', 'conv')
    return keys + weight_and_bias('out', '0', '2')


def first_stage_keys(mult, blocks):
    """Names in latent diffusion's `VQModelInterface`, written down from its constructor."""
    def residual(prefix, widens=False):
        return weight_and_bias(prefix, 'norm1', 'conv1', 'norm2', 'conv2', *['nin_shortcut'] * widens)

    keys = ['quantize.embedding.weight']
    for coder in ('encoder', 'decoder'):
        keys += weight_and_bias(coder, 'conv_in', 'norm_out', 'conv_out')
        keys += residual(f'{coder}.mid.block_1') + residual(f'{coder}.mid.block_2')
        keys += weight_and_bias(f'{coder}.mid.attn_1', 'norm', 'q', 'k', 'v', 'proj_out')
    for level, factor in enumerate(mult):
        before, after = mult[max(level - 1, 0)], mult[min(level + 1, len(mult) - 1)]
        for block in range(blocks):
            keys += residual(f'encoder.down.{level}.block.{block}', widens=block == 0 and factor != before)
        for block in range(blocks + 1):
            keys += residual(f'decoder.up.{level}.block.{block}', widens=block == 0 and factor != after)
        keys += weight_and_bias(f'encoder.down.{level}', 'downsample.conv') if level < len(mult) - 1 else []
        keys += weight_and_bias(f'decoder.up.{level}', 'upsample.conv') if level else []
    return keys + ['quant_conv.weight', 'quant_conv.bias', 'post_quant_conv.weight', 'post_quant_conv.bias']
