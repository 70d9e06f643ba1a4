#!/bin/sh
# Print what this host says of its Ascend cards, as tests/hosts/NAME/session.txt holds it:
#   sh tests/hosts/record.sh > session.txt
# Look at it before you pass it on: it has addresses, and names of users and processes.

say() {
    echo "\$ $1"
    sh -c "$1" 2>&1
    code=$?
    [ $code = 0 ] || echo "[exit $code]"
}

PATH=$PATH:/usr/local/sbin:/usr/local/Ascend/driver/tools
say "uname -m"
say "cat /etc/os-release"
say "id"
say "hostname -I"
echo "\$ ls -l /dev"
ls -l /dev | grep -E "davinci|devmm_svm|hisi_hdc"
say "npu-smi info"
say "npu-smi info -m"
say "npu-smi info -l"
# Boards and chips of A3, which alone have a superpod.
npu-smi info -m 2>/dev/null | awk '$3 ~ /^[0-9]+$/ && $5 == "Ascend910" { print $1, $2 }' |
    while read -r board chip; do
        say "npu-smi info -t spod-info -i $board -c $chip"
    done
for device in /dev/davinci[0-9]*; do
    [ -e "$device" ] || continue
    card=${device#/dev/davinci}
    for topic in ip link net_health; do
        say "hccn_tool -i $card -$topic -g"
    done
    # Its certificates are nobody's business.
    say "hccn_tool -i $card -tls -g | grep switch" | sed "s/^\(\$ .*\) | grep switch$/\1/"
done
# Cards have class 1200 (processing accelerators).
grep -l "^0x1200" /sys/bus/pci/devices/*/class 2>/dev/null | while read -r class; do
    say "cat ${class%class}local_cpulist"
done
say "cat /etc/hccn.conf"
say "cat /etc/ascend_install.info"
say "cat /usr/local/Ascend/driver/version.info"
say "ls /usr/local/Ascend/*/set_env.sh"
if [ -n "$ASCEND_HOME_PATH" ]; then
    for name in compiler/version.info share/info/compiler/version.info; do
        say "cat $ASCEND_HOME_PATH/$name"
    done
fi
echo "\$ env"
env | grep -E "^(ASCEND_|HCCL_|MS_|RANK_|KUBERNETES_SERVICE_HOST|SLURM_)"
say "python -V"
echo "\$ pip list"
python -m pip list 2>/dev/null | grep -iE "^(mindspore|mpi4py|numpy) "
