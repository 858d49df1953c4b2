#!/usr/bin/env bash
# Test a detector in a Slurm cluster (untested):
#
#     GPUS=16 GPUS_PER_NODE=8 tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [options of tools/test.py]
#
# SRUN_ARGS go to srun. PYTHON names another interpreter.
set -euo pipefail
partition=$1 name=$2 config=$3 checkpoint=$4
tools=$(dirname "${BASH_SOURCE[0]}")
gpus_per_node=${GPUS_PER_NODE:-8}
# shellcheck disable=SC2086
exec srun -p "$partition" --job-name="$name" --gres=gpu:"$gpus_per_node" --ntasks="${GPUS:-8}" \
    --ntasks-per-node="$gpus_per_node" --cpus-per-task="${CPUS_PER_TASK:-4}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$tools/test.py" "$config" "$checkpoint" --launcher slurm "${@:5}"
