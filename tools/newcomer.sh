# A newcomer's machine: a fresh Debian 12 with git and nothing else, in which a clone's tests are run.
# shellcheck shell=sh disable=SC2154
need_packages check
[ "$(id -u)" = 0 ] || die "a newcomer's machine is made by debootstrap, which needs root"
root=$(mktemp -d /var/tmp/weft-newcomer.XXXXXX)
say "making a Debian 12 in $root"
mirror=$(awk '$1 == "deb" && $2 ~ /^http/ { print $2; exit } $1 == "URIs:" { print $2; exit }' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null)
debootstrap --variant=minbase --include=git,ca-certificates bookworm "$root" ${mirror:+"$mirror"} >&2 ||
    die "debootstrap failed"
cp -a /etc/apt/. "$root/etc/apt/"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
[ ! -d /usr/local/share/ca-certificates ] || cp -a /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"
cp -a /etc/ssl/certs/. "$root/etc/ssl/certs/"
[ ! -f /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/"
git clone -q . "$root/root/weft"
unshare -m sh -euc '
    mount --make-rprivate /
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    mount -t sysfs sysfs "$1/sys"
    chroot "$1" /usr/bin/env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        sh -euc "cd /root/weft && ./run test"
' sh "$root" || die "the newcomer failed; the machine is in $root"
rm -rf "$root"
say "the newcomer is content"
