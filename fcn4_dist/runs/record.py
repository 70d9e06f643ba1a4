"""The file run.json: what ran, on what data, where; for people and for the report."""

import os
import platform
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psutil

from fcn4_dist.config import Settings
from fcn4_dist.files import write_json
from fcn4_dist.records import Manifest
from fcn4_dist.runs.names import RUN_RECORD_FORMAT, RUN_RECORD_NAME
from fcn4_dist.versions import package_versions


def write_run_record(
    command: str, settings: Settings, manifest: Manifest, world_size: int, **details: Any
) -> None:
    """Write run.json into the job's folder; for rank 0.

    Args:
        command: "train" or "eval".
        settings: The settings of the job.
        manifest: Of the shards it reads.
        world_size: Number of ranks.
        details: What else there is to say, by name.
    """
    content = {
        "format": RUN_RECORD_FORMAT,
        "command": command,
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "world_size": world_size,
        **details,
        "settings": settings.as_dict(),
        "data": _data(manifest),
        "versions": package_versions("mindspore", "numpy", "scikit-learn"),
        "machine": _machine(settings.device_target),
    }
    write_json(Path(settings.run_dir) / RUN_RECORD_NAME, content)


def _data(manifest: Manifest) -> dict[str, Any]:
    return {
        "dataset": manifest.dataset,
        "split": dict(manifest.split),
        "class_names": list(manifest.class_names),
        "sets": {name: _set(manifest, name) for name in manifest.sets},
        "skipped": [
            {"id": clip.id, "path": clip.source, "reason": clip.reason}
            for clip in manifest.clips
            if clip.status == "skipped"
        ],
    }


def _set(manifest: Manifest, name: str) -> dict[str, Any]:
    clips = [clip for clip in manifest.clips if clip.set == name]
    counts = Counter(label for clip in clips for label in clip.labels)
    return {
        "clips": len(clips),
        "hours": round(sum(clip.seconds for clip in clips) / 3600, 4),
        "by_class": {label: counts[label] for label in manifest.class_names},
    }


def _machine(device: str) -> dict[str, Any]:
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "device": device,
    }


def _processor() -> str:
    # What platform.processor() gives on Linux is the architecture, or nothing.
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text().splitlines() if cpuinfo.exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
