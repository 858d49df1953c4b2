from .box_channels import BoxChannels
from .class_generator import ClassGenerator
from .condition import ClassRow, NoContext, ObjectEncoder, RowSequence
from .coordinate_table import CoordinateTable
from .denoisers import DiffusersUNet, DiT, PatchTransformer, SpatialTransformerUNet
from .first_stage import IdentityFirstStage, KLFirstStage, VQFirstStage
from .generator import LayoutGenerator
from .grounding import GroundingEncoder
from .noise_bank import NoiseBank, stratified_timesteps
from .prompt_encoder import PromptEncoder
from .prompt_table import PromptTable
from .schedule import NoiseSchedule
from .token_table import ClassTable, TokenTable
from .token_transformer import TokenTransformer

__all__ = ['BoxChannels', 'ClassGenerator', 'ClassRow', 'ClassTable', 'CoordinateTable', 'DiT', 'DiffusersUNet',
           'GroundingEncoder', 'IdentityFirstStage', 'KLFirstStage', 'LayoutGenerator', 'NoContext', 'NoiseBank',
           'NoiseSchedule', 'ObjectEncoder', 'PatchTransformer', 'PromptEncoder', 'PromptTable', 'RowSequence',
           'SpatialTransformerUNet', 'TokenTable', 'TokenTransformer', 'VQFirstStage', 'stratified_timesteps']
