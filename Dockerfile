# fcn4_dist on CANN's public image, for Ascend hosts; docs/ascend.md tells how to run it.
# Expected to work: nobody has built it, or run it on a card, yet.
#
#   docker build -t fcn4_dist .                        Atlas A2
#   docker build -t fcn4_dist --build-arg CARD=a3 .    Atlas A3; 910 for the first Ascend 910
#
# The tags there are: https://github.com/Ascend/cann-container-image/tree/main/cann
ARG CANN=8.5.0
ARG CARD=910b
FROM quay.io/ascend/cann:${CANN}-${CARD}-ubuntu22.04-py3.11

# On ARM and on x86 the same line: the wheel for aarch64 is the one without a platform in its name.
# The others are what CANN's compilers import (its installation guide, "Installing Dependencies").
ARG MINDSPORE=2.8.0
RUN pip install --no-cache-dir "mindspore==${MINDSPORE}" \
    absl-py attrs cffi cython decorator pathlib2 protobuf requests sympy

WORKDIR /fcn4_dist
COPY . .
RUN pip install --no-cache-dir '.[ascend]'

# The image's own entry point sets CANN's environment.
CMD ["fcn4-dist", "doctor"]
