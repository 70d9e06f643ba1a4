"""Names of the files that a job leaves in its folder, for those that write and that read them."""

RUN_RECORD_NAME = "run.json"
RUN_RECORD_FORMAT = 1
METRICS_LINES_NAME = "metrics.jsonl"
TENSORBOARD_NAME = "tensorboard"
