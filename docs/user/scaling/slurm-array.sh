#!/bin/bash
# Encodes one part of a job in each task of a Slurm job array. With eight parts:
#
#   sbatch --array=0-7 docs/user/scaling/slurm-array.sh 8 INPUTS OUTPUT [OPTION...]
#   dac manifest merge OUTPUT
#
# The number of parts is an argument because SLURM_ARRAY_TASK_COUNT is smaller when only some tasks run again (--array=3,5),
# while the split must stay the same. For more parts than the cluster's MaxArraySize, submit several arrays; each adds its
# DAC_TASK_OFFSET to the number of the task, and tasks beyond the last part do nothing:
#
#   for offset in 0 1000 2000; do
#       DAC_TASK_OFFSET=$offset sbatch --array=0-999 docs/user/scaling/slurm-array.sh 2500 INPUTS OUTPUT
#   done
#SBATCH --job-name=dac
#SBATCH --cpus-per-task=1
set -euo pipefail
parts=$1 inputs=$2 output=$3
shift 3
part=$((SLURM_ARRAY_TASK_ID + ${DAC_TASK_OFFSET:-0}))
if ((part >= parts)); then
    exit 0
fi
exec dac encode "$inputs" --output "$output" --partition "$part/$parts" \
    --threads "${SLURM_CPUS_PER_TASK:-1}" "$@"
