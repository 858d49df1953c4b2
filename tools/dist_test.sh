#!/usr/bin/env bash
# Test a detector with several processes, a GPU each (or, without one, a CPU process each):
#
#     tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [options of tools/test.py]
#
# On several machines: NNODES, NODE_RANK, MASTER_ADDR and PORT, as in mmdet. PYTHON names another interpreter.
set -euo pipefail
config=$1 checkpoint=$2 processes=$3
tools=$(dirname "${BASH_SOURCE[0]}")
exec "${PYTHON:-python}" -m torch.distributed.run --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" --nproc_per_node="$processes" \
    "$tools/test.py" "$config" "$checkpoint" --launcher pytorch "${@:4}"
