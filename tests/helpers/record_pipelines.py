"""Records what public pipelines compute, for tests that have no transformers: record_pipelines.py FOLDER.

`PYTHONPATH=text:tests:. python tests/helpers/record_pipelines.py tests/data/pipelines`, with transformers in `text`.
"""
import json
import string
import sys
import tempfile
from pathlib import Path

import torch
from diffusers import StableDiffusionGLIGENPipeline, StableDiffusionPipeline
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

import helpers.tiny_pipeline as tiny
from helpers.converters import run

NAMES = ['cat', 'traffic light', 'dog']
BOXES = [[0.25, 0.125, 0.75, 0.5], [0.0, 0.5, 0.375, 1.0], [0.5, 0.0, 0.625, 0.25]]
LABELS = [1, 0, 1]
STEPS = 10
BETAS = (1.0, 0.3)
PROMPT = 'a photo of a {}.'
CHARACTERS = string.ascii_lowercase + string.digits + '.,<>'
WORDS = [*CHARACTERS, *(character + '</w>' for character in CHARACTERS), '<|startoftext|>', '<|endoftext|>']


LAYOUT = 'An image with {}'
GRID = 5
# Labels and corner points x0, y0, x1, y1 of the objects of a prompt, in its order.
PROMPTED = [[(1, 0, 1, 3, 4)], [(1, 0, 1, 3, 4), (0, 2, 0, 4, 1), (2, 1, 1, 2, 4)],
            [(2, 1, 1, 2, 4), (1, 0, 1, 3, 4), (0, 2, 0, 4, 1)], [], [(1, 0, 1, 3, 4)] * 5]
# Text encoders and padding as of Stable Diffusion 1, and as of 2, which pads with a token of its own.
GEODIFFUSIONS = dict(geodiffusion=(dict(width=32), '<|endoftext|>'),
                     geodiffusion2=(dict(width=48, hidden_act='gelu', layer_norm_eps=1e-4), '.'))


def tokenizer(grid=0, padding='<|endoftext|>'):
    """Every letter is a token, and every point of a grid."""
    with tempfile.TemporaryDirectory() as folder:
        vocabulary, merges = Path(folder) / 'vocab.json', Path(folder) / 'merges.txt'
        vocabulary.write_text(json.dumps({word: place for place, word in enumerate(WORDS)}))
        merges.write_text('#version: 0.2\n')
        made = CLIPTokenizer(str(vocabulary), str(merges), model_max_length=77, pad_token=padding)
    made.add_tokens([f'<l{place}>' for place in range(grid ** 2)])
    return made


def text_encoder(width, places=0, **settings):
    end = len(WORDS) - 1
    return tiny.filled(CLIPTextModel(CLIPTextConfig(
        hidden_size=width, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4,
        vocab_size=len(WORDS) + places, bos_token_id=end - 1, eos_token_id=end, pad_token_id=end, **settings)))


def layout_prompt(objects):
    """As KaiChen1998/GeoDiffusion writes it, `utils/data/coco_stuff.py`."""
    words = [f'{NAMES[label]} <l{y0 * GRID + x0}> <l{y1 * GRID + x1}>' for label, x0, y0, x1, y1 in objects]
    return LAYOUT.replace('{}', ' '.join(words)) if words else ''


def geodiffusion(folder, kind, settings, padding):
    """A layout's text encoder, its words, and the embeddings that the pipeline makes of prompts, (5, 77, W)."""
    parts = dict(tiny.parts(width=settings['width'], attention_type='default'), tokenizer=tokenizer(GRID, padding),
                 text_encoder=text_encoder(**settings, places=GRID ** 2))
    with tempfile.TemporaryDirectory() as written:
        tiny.save(parts, Path(written))
        said = run('encode_text', written, folder / f'{kind}_text.pth', '--classes', ','.join(NAMES), '--layout',
                   LAYOUT)
        config = json.loads((Path(written) / 'text_encoder/config.json').read_text())
    assert said == '', said
    pipeline = StableDiffusionPipeline(**parts, safety_checker=None, feature_extractor=None,
                                       requires_safety_checker=False)
    embedded = pipeline.encode_prompt([layout_prompt(objects) for objects in PROMPTED], 'cpu', 1, False)[0]
    # As public files have them, whatever the installed transformers calls its weights.
    weights = {f"text_model.{name.removeprefix('text_model.')}": value
               for name, value in parts['text_encoder'].state_dict().items()}
    names = ('architectures', 'hidden_size', 'intermediate_size', 'num_hidden_layers', 'num_attention_heads',
             'max_position_embeddings', 'hidden_act', 'layer_norm_eps', 'vocab_size')
    torch.save(dict(embedded=embedded, state_dict=weights, config={name: config[name] for name in names}),
               folder / f'{kind}_calls.pth')


def gligen_calls(made, beta):
    """What the UNet is asked while a pipeline draws, (STEPS, 2, c, h, w), and the embeddings of prompts, (3, 77, W)."""
    pipeline, calls = StableDiffusionGLIGENPipeline(**made, safety_checker=None, feature_extractor=None,
                                                    requires_safety_checker=False), []
    hook = made['unet'].register_forward_hook(lambda module, given, output: calls.append((*given, output.sample)))
    pipeline('', height=2 * tiny.SIDE, width=2 * tiny.SIDE, num_inference_steps=STEPS, output_type='latent',
             gligen_scheduled_sampling_beta=beta, gligen_boxes=BOXES, guidance_scale=7.5,
             gligen_phrases=[NAMES[label] for label in LABELS],
             latents=torch.randn(1, 4, tiny.SIDE, tiny.SIDE, generator=torch.Generator().manual_seed(3)))
    hook.remove()
    prompts = pipeline.encode_prompt([PROMPT.replace('{}', name) for name in NAMES], 'cpu', 1, False)[0]
    inputs, steps, outputs = (torch.stack(each) for each in zip(*calls))
    return dict(inputs=inputs, steps=steps, outputs=outputs, prompts=prompts)


def record(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for kind, settings in tiny.KINDS.items():
        made = dict(tiny.parts(**settings), tokenizer=tokenizer(), text_encoder=text_encoder(settings['width']))
        with tempfile.TemporaryDirectory() as pipeline:
            tiny.save(made, Path(pipeline))
            said = run('encode_text', pipeline, folder / f'{kind}_text.pth', '--classes', ','.join(NAMES), '--prompt',
                       PROMPT)
            if kind == 'gligen':  # several prompts a class
                said += run('encode_text', pipeline, folder / 'prompts_text.pth', '--classes', ','.join(NAMES),
                            '--prompt', PROMPT, 'the {}')
        assert said == '', said
        torch.save({str(beta): gligen_calls(made, beta) for beta in BETAS}, folder / f'{kind}_calls.pth')
    for kind, (settings, padding) in GEODIFFUSIONS.items():
        geodiffusion(folder, kind, settings, padding)


if __name__ == '__main__':
    record(Path(sys.argv[1]))
