"""How many threads of its host a rank has MindSpore use."""

import mindspore as ms


def use_threads(device_target: str, host_threads: int, reader_threads: int) -> None:
    """Tell MindSpore how many threads to use; call it before anything is computed or read.

    Args:
        device_target: "Ascend" or "CPU".
        host_threads: That start operators on Ascend; 0 leaves it to MindSpore. On the CPU none of
            its calls keeps the operators from using all cores there are.
        reader_threads: That read shards ahead; 0 leaves it to MindSpore.
    """
    if host_threads and device_target == "Ascend":
        ms.runtime.dispatch_threads_num(host_threads)
    if reader_threads:
        import mindspore.dataset as ds

        ds.config.set_num_parallel_workers(reader_threads)
