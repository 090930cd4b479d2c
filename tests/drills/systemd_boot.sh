#!/usr/bin/env bash
# Boots systemd in namespaces of its own with the units of ops/systemd, for
# systemd.test.mjs. To be run by unshare (pid, mount, net, uts, ipc, cgroup), as root.
# usage: systemd_boot.sh DIR BIN UNITS
#   DIR    DIR/etc becomes /etc/tasuki, DIR/lib /var/lib
set -euo pipefail
DIR=$1 BIN=$2 UNITS=$3

mount --make-rprivate /
mount -t proc proc /proc
# Of this machine all is read-only, and of what systemd could do to it nothing is there:
# its own units come from DIR/units alone (a unit of the distribution empties /tmp).
mkdir -p "$DIR/lib"
mount --bind "$DIR/lib" /var/lib
mount --bind / /mnt
mount --bind "$DIR/lib" /mnt/var/lib
mount -o remount,bind,ro /mnt
mount -t tmpfs -o mode=755 tmpfs /mnt/dev
mkdir /mnt/dev/shm /mnt/dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts /mnt/dev/pts
ln -s pts/ptmx /mnt/dev/ptmx
for device in null zero full random urandom tty; do
  touch "/mnt/dev/$device"
  mount --bind "/dev/$device" "/mnt/dev/$device"
done
mount -t proc proc /mnt/proc
mount --rbind /sys /mnt/sys
for place in run tmp var/tmp var/log home root usr/local/bin usr/lib/systemd/system \
  usr/lib/systemd/system-generators sys/fs/cgroup; do
  mount -t tmpfs tmpfs "/mnt/$place"
done
mkdir -p /mnt/run/lock /mnt/run/etc/upper /mnt/run/etc/work /mnt/sys/fs/cgroup/systemd
mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/run/etc/upper,workdir=/mnt/run/etc/work /mnt/etc
# Machines have the one kind or the other.
if ! mount -t cgroup -o none,name=systemd cgroup /mnt/sys/fs/cgroup/systemd 2>/dev/null; then
  rmdir /mnt/sys/fs/cgroup/systemd
  umount /mnt/sys/fs/cgroup
  mount -t cgroup2 cgroup2 /mnt/sys/fs/cgroup
fi
# What is needed of here is brought over before.
mkdir -p /mnt/run/given
cp "$BIN/tasukid" "$BIN/tasuki" "$BIN/tasuki-ocr" /mnt/usr/local/bin/
cp "$UNITS"/*.service /mnt/usr/lib/systemd/system/
cp -a "$DIR/etc/." /mnt/run/given/
cd /mnt
mkdir -p run/old
pivot_root . run/old
umount -l /run/old
! touch /usr/written 2>/dev/null || { echo "systemd_boot: the machine could be written to" >&2; exit 1; }
[[ -z $(ls -A /tmp) ]] || { echo "systemd_boot: /tmp is not its own" >&2; exit 1; }
ip link set lo up

for name in tasuki tasuki-ocr; do
  getent passwd "$name" >/dev/null || useradd --system --no-create-home --shell /usr/sbin/nologin "$name"
done
mkdir -p /etc/tasuki
cp -a /run/given/. /etc/tasuki/
chown -R tasuki:tasuki /etc/tasuki
# A node's folder is 0700. A worker has a machine of its own, as a rule; here it has its
# files beside the node's.
chmod 0711 /etc/tasuki
chown tasuki-ocr:tasuki-ocr /etc/tasuki/worker*
chmod 0644 /etc/tasuki/ca.crt

# The units as they are, and nothing else.
rm -rf /etc/systemd/system /etc/init.d /etc/rc?.d
mkdir -p /etc/systemd/system
for target in sysinit basic shutdown network-online time-sync multi-user; do
  printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' "$target" >"/usr/lib/systemd/system/$target.target"
done
printf 'Wants=tasukid.service\n' >>/usr/lib/systemd/system/multi-user.target
# No journal runs here; what looks for leaks at the end needs calls that the unit forbids
# (of a sanitized build); and a machine that tests is busy with those of no lower priority.
for unit in tasukid tasuki-ocr@; do
  mkdir -p "/etc/systemd/system/$unit.service.d"
  printf '[Service]\nStandardOutput=append:/var/lib/%s.log\nStandardError=inherit\nEnvironment=ASAN_OPTIONS=detect_leaks=0\nNice=0\n' "$unit" >"/etc/systemd/system/$unit.service.d/log.conf"
done

# What systemd itself says.
touch /var/lib/console.log /dev/console
mount --bind /var/lib/console.log /dev/console
export container=other
exec /lib/systemd/systemd --system --log-target=console --unit=multi-user.target
