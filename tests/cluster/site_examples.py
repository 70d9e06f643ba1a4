"""What Slurm and Kubernetes tell a process, as their sources and real jobs have it."""

HERE = "192.0.2.1"

# What srun of Slurm 22.05 gives the second of two tasks.
STEP = {
    "SLURM_JOB_ID": "4321",
    "SLURM_JOB_NUM_NODES": "3",
    "SLURM_JOB_NODELIST": "node[0-2]",
    "SLURM_NNODES": "2",
    "SLURM_NODEID": "1",
    "SLURM_PROCID": "1",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NODELIST": "node[1-2]",
    "SLURM_STEP_NUM_NODES": "2",
    "SLURM_STEP_NUM_TASKS": "2",
}
# What a batch script itself sees.
BATCH = {
    name: STEP[name]
    for name in ("SLURM_JOB_ID", "SLURM_JOB_NUM_NODES", "SLURM_JOB_NODELIST", "SLURM_NNODES")
} | {"SLURM_NODEID": "0", "SLURM_PROCID": "0"}

# What MindCluster's operator gives the Worker of an AscendJob with a Scheduler that has cards, too;
# MS_SCHED_HOST is the address of a service there, and the pod's own in the Scheduler.
POD = {
    "MS_SCHED_HOST": "10.96.0.12",
    "MS_SCHED_PORT": "2222",
    "MS_WORKER_NUM": "16",
    "MS_LOCAL_WORKER": "8",
    "MS_NODE_RANK": "1",
    "MS_SERVER_NUM": "0",
    "MS_ROLE": "MS_WORKER",
    "NPU_POD": "true",
}
SCHEDULER = POD | {"MS_SCHED_HOST": HERE, "MS_NODE_RANK": "0", "MS_ROLE": "MS_SCHED"}
