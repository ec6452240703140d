#!/usr/bin/env bash
# bare-root.sh ROOT PYTHON SITE COMMAND...: runs COMMAND where there is nothing but that Python, the libraries it opens, /proc and a few
# devices: no network, no shell, no Node, no xz. SITE, a folder with torch/ in it, is read-only at /opt/site and on PYTHONPATH.
# To be started in namespaces of its own: unshare --mount --net --pid --fork bare-root.sh ...
set -euo pipefail
root=$1 python=$2 site=$3
shift 3
mount --make-rprivate /
mkdir -p "$root"/{proc,dev,tmp,opt/site,usr/bin}
prefix=$("$python" -c 'import sys; print(sys.base_prefix)')
real=$("$python" -c 'import os, sys; print(os.path.realpath(sys.executable))')

bind() {
  mkdir -p "$2"
  mount --bind "$1" "$2"
  mount -o remount,ro,bind "$2"
}

# Of the machine's own libraries those that Python, its modules and libtorch name; libstdc++ is one that torch itself stands on.
copy_libraries() {
  ldd "$@" 2>/dev/null | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p; s/^[[:space:]]*\(\/lib[^ ]*\).*/\1/p' | sort -u | while read -r library; do
    case $library in "$prefix"/* | "$site"/*) [ "$prefix" = /usr ] || continue ;; esac
    mkdir -p "$root$(dirname "$library")"
    cp -Ln "$library" "$root$library" || true
  done
}

if [ "$prefix" = /usr ]; then
  mkdir -p "$root/usr/lib"
  for folder in /usr/lib/python3*; do bind "$folder" "$root$folder"; done
  cp -L "$real" "$root/usr/bin/python3"
else
  bind "$prefix" "$root$prefix"
  ln -sf "$real" "$root/usr/bin/python3"
fi
modules=$("$python" -c 'import sysconfig; print(sysconfig.get_path("platstdlib"))')/lib-dynload
copy_libraries "$real" "$modules"/*.so "$site"/torch/lib/libtorch_cpu.so "$site"/torch/lib/libc10.so
bind "$site" "$root/opt/site"
mount -t proc proc "$root/proc"
for device in null zero urandom; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
exec env -i PATH=/usr/bin HOME=/tmp PYTHONPATH=/opt/site "$(command -v chroot)" "$root" "$@"
