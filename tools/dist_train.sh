#!/usr/bin/env bash
# Train a generator, a prior or a detector with several GPUs:
#
#     tools/dist_train.sh CONFIG PROCESSES [options of tools/train.py]
#
# Without a GPU mmengine's wrapper needs to be told (tested so; never run on CUDA):
#
#     --cfg-options model_wrapper_cfg.type=MMDistributedDataParallel model_wrapper_cfg.device_ids=None
#
# On several machines: NNODES, NODE_RANK, MASTER_ADDR and PORT, as in mmdet. PYTHON names another interpreter.
set -euo pipefail
config=$1 processes=$2
tools=$(dirname "${BASH_SOURCE[0]}")
exec "${PYTHON:-python}" -m torch.distributed.run --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" --nproc_per_node="$processes" \
    "$tools/train.py" "$config" --launcher pytorch "${@:3}"
