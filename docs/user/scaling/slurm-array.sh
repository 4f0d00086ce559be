#!/bin/bash
# Encodes one part of a job in each task of a Slurm job array. With eight parts:
#
#   sbatch --array=0-7 docs/user/scaling/slurm-array.sh 8 INPUTS OUTPUT [OPTION...]
#   dac manifest merge OUTPUT
#
# The number of parts is an argument because SLURM_ARRAY_TASK_COUNT is smaller when only some tasks run again (--array=3,5),
# while the split must stay the same.
#SBATCH --job-name=dac
#SBATCH --cpus-per-task=1
set -euo pipefail
parts=$1 inputs=$2 output=$3
shift 3
exec dac encode "$inputs" --output "$output" --partition "$SLURM_ARRAY_TASK_ID/$parts" \
    --threads "${SLURM_CPUS_PER_TASK:-1}" "$@"
