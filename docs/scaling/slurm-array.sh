#!/bin/bash
# One shard of an encode for each task of a Slurm job array. With eight shards:
#
#   sbatch --array=0-7 docs/scaling/slurm-array.sh 8 INPUTS OUTPUT [OPTION...]
#   dac manifest merge OUTPUT
#
# The number of shards is an argument of its own: SLURM_ARRAY_TASK_COUNT is smaller when a part of the array runs again
# (--array=3,5), and the shards have to stay what they were.
#SBATCH --job-name=dac
#SBATCH --cpus-per-task=1
set -euo pipefail
shards=$1 inputs=$2 output=$3
shift 3
exec dac encode "$inputs" --output "$output" --shard "$SLURM_ARRAY_TASK_ID/$shards" \
    --threads "${SLURM_CPUS_PER_TASK:-1}" "$@"
