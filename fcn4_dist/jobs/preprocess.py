"""The preprocess job: a collection -> features -> MindRecord shards and manifest."""

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from fcn4_dist.audio import (
    FeatureCache,
    FeatureIndex,
    FeatureParameters,
    discard_feature_index,
    read_feature_index,
)
from fcn4_dist.clips import ROLES, Clip
from fcn4_dist.cluster.device import prepare_environment
from fcn4_dist.cluster.mpi import MpiRanks, started_by_mpi
from fcn4_dist.cluster.peers import Alone, Peers
from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.errors import InputError
from fcn4_dist.jobs.feature_gathering import gather_features, who_sees
from fcn4_dist.jobs.parts import FEATURES_NAME, SHARDS_NAME
from fcn4_dist.jobs.prepare import adopt_from_main
from fcn4_dist.jobs.preprocess_checks import tell_findings
from fcn4_dist.jobs.preprocess_steps import (
    Begun,
    begin,
    compute_features,
    finish,
    keep_to_this_job,
    plan_shards,
    refusals_told,
    report_features,
    wait_for_features,
    write_settings,
)
from fcn4_dist.processes import usable_cores
from fcn4_dist.records.obstacles import check_features, check_room
from fcn4_dist.records.planning import share_out
from fcn4_dist.records.sound import remarks_about_sound, silent_clips
from fcn4_dist.records.writing import clear_folder, write_shards
from fcn4_dist.terminal import Progress, say, say_result


def preprocess(loaded: LoadedSettings) -> None:
    """Run the stages that ``get_npy`` and ``get_mindrecord`` ask for.

    Each stage reads what the one before wrote: the first leaves the features, and the annotations
    file of a folder of classes; the second reads both, so it also runs where the audio is not.
    The work is shared among ``processes`` processes, and among ranks if mpirun started several;
    the results do not depend on how many there are.

    Args:
        loaded: The settings of the job; under mpirun those of rank 0 hold for all.

    Raises:
        InputError: If the collection or the features are not as the settings say.
    """
    if not started_by_mpi():
        with refusals_told(loaded.settings):
            _run(loaded, Alone())
        return
    with MpiRanks() as ranks:
        loaded = adopt_from_main("preprocess", loaded, ranks)
        with refusals_told(loaded.settings):
            _run(loaded, ranks, ranks.local_size)


def show_preprocessing(loaded: LoadedSettings) -> None:
    """Say what :func:`preprocess` would read and write, and write nothing.

    Args:
        loaded: The settings of the job.

    Raises:
        InputError: As there.
    """
    begun = begin(loaded, shown=True)
    if begun.split:
        sizes = Counter(begun.split.roles.values())
        names = zip(ROLES, loaded.settings.set_names, strict=True)
        sets = ", ".join(f"{sizes[role]} in {name}" for role, name in names if sizes[role])
        say_result(f"clips would be {sets}, but for those that cannot be used; nothing is written")


def _run(loaded: LoadedSettings, peers: Peers, local_size: int = 1) -> None:
    settings, begun = loaded.settings, None
    processes = settings.processes or _cores_of_a_rank(local_size)
    if peers.is_main:
        begun = begin(loaded, peers.size)
        loaded, settings = begun.loaded, begun.loaded.settings
    with ExitStack() as held:
        # The index of the features is of one job at a time.
        peers.on_main(lambda: wait_for_features(settings, held))
        if settings.get_npy:
            _audio_to_npy(settings, begun, processes, peers)
            if peers.is_main:
                write_settings(loaded, Path(settings.npy_path))
        if settings.get_mindrecord:
            peers.on_main(lambda: keep_to_this_job(Path(settings.mr_path), held))
            _npy_to_mindrecord(settings, begun, processes, peers)


def _audio_to_npy(settings: Settings, begun: Begun | None, processes: int, peers: Peers) -> None:
    """Compute the feature of every clip that can be decoded, and write the index of them."""
    npy_path = Path(settings.npy_path)
    cache = FeatureCache(npy_path, FeatureParameters.from_settings(settings))
    shares = None
    if begun is not None:
        (npy_path / FEATURES_NAME).unlink(missing_ok=True)
        discard_feature_index(npy_path)
        cache.prepare()
        clips = begun.collection.clips
        shares = [clips[rank :: peers.size] for rank in range(peers.size)]
    share = peers.scatter(shares)
    seen = who_sees(npy_path, peers)
    _check_audio(share, Path(settings.audio_path), peers)
    name, title = f"{peers.rank + 1}-of-{peers.size}", _title("audio -> npy", peers)
    done = compute_features(share, name, cache, settings, processes, title, peers.is_main)
    gather_features(done, cache, peers, seen[peers.rank])
    gathered = peers.gather(done)
    if gathered is not None and begun is not None:
        features = sorted((clip for part in gathered for clip in part), key=lambda clip: clip.id)
        index = FeatureIndex(cache.parameters, tuple(features))
        index.write(npy_path)
        say(f"features of shape {cache.parameters.shape} in {cache.folder}")
        report_features(features, settings)
        silent = silent_clips(index, settings.silence_level)
        tell_findings(remarks_about_sound(begun.collection.clips, index, silent))


def _npy_to_mindrecord(
    settings: Settings, begun: Begun | None, processes: int, peers: Peers
) -> None:
    """Split the clips that have features, write the shards and the manifest."""
    prepare_environment("CPU")
    npy_path, mr_path = Path(settings.npy_path), Path(settings.mr_path)
    plan = None
    if begun is not None:
        plan = plan_shards(begun, read_feature_index(npy_path), remarks=not settings.get_npy)
        if not settings.get_npy:
            # Else they were just made or read, and a hundred gigabytes are not soon read once more.
            check_features((c for shard in plan.shards for c in shard.clips), plan.format.cache)
        check_room(plan.shards, plan.format)
        (mr_path / SHARDS_NAME).unlink(missing_ok=True)
        clear_folder(plan.shards, mr_path)
    seen = zip(who_sees(npy_path, peers), who_sees(mr_path, peers), strict=True)
    writers = [rank for rank, both in enumerate(seen) if all(both)]
    shares = None
    if plan is not None:
        of_writers = share_out(plan.shards, writers)
        shares = [(of_writers.get(rank, []), plan.format) for rank in range(peers.size)]
    share, shard_format = peers.scatter(shares)
    clips = sum(len(shard.clips) for shard in share)
    title = _title("npy -> MindRecord", peers)
    with Progress(title, clips, "clips", peers.is_main) as progress:
        written = list(write_shards(share, shard_format, processes, progress.advance))
    gathered = peers.gather(written)
    if gathered is not None and begun is not None and plan is not None:
        shards = {shard.file: shard for part in gathered for shard in part}
        finish(begun.loaded, plan, shards)


def _cores_of_a_rank(local_size: int) -> int:
    cores = usable_cores()
    # mpirun has either bound each rank to cores of its own, or left all cores to all.
    return cores if cores < (os.cpu_count() or 1) else max(1, cores // local_size)


def _title(stage: str, peers: Peers) -> str:
    return stage if peers.size == 1 else f"{stage} (rank 0 of {peers.size})"


def _check_audio(share: Sequence[Clip], audio_path: Path, peers: Peers) -> None:
    """Refuse a host that has none of the clips it is to read."""
    if share and not any(clip.path.exists() for clip in share):
        raise InputError(
            f"this host has none of the {len(share)} clips that rank {peers.rank} is to read, like "
            f"{share[0].path}: copy or mount audio_path {audio_path} on every host"
        )
