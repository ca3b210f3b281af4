# A newcomer's machine: a fresh Debian 12 with git and nothing else, in which a clone runs the two commands of the README.
# shellcheck shell=sh disable=SC2154
need_packages check
[ "$(id -u)" = 0 ] || die "a newcomer's machine is made by debootstrap, which needs root"
root=$(mktemp -d /var/tmp/weft-newcomer.XXXXXX)
say "making a Debian 12 in $root"
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    awk '$1 == "deb" && $2 ~ /^http/ { print $2; exit } $1 == "URIs:" { print $2; exit }')
debootstrap --variant=minbase --include=git,ca-certificates bookworm "$root" ${mirror:+"$mirror"} >"$root.log" 2>&1 ||
    { tail -n 20 "$root.log" >&2; die "debootstrap failed; its whole output is in $root.log"; }

# How this machine reaches its registries: package sources, certificates, and the clients' variables.
cp -a /etc/apt/. "$root/etc/apt/"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
[ ! -d /usr/local/share/ca-certificates ] || cp -a /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"
cp -a /etc/ssl/certs/. "$root/etc/ssl/certs/"
[ ! -f /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/"
env | grep -E '^(PIP_[A-Z_]+|SSL_CERT_(FILE|DIR)|(http|https|no)_proxy|HTTPS?_PROXY|NO_PROXY)=' >"$root/root/registries" || :
sed -n 's/^[A-Z_]*=\(\/.*\)/\1/p' "$root/root/registries" | while read -r file; do
    [ ! -f "$file" ] || { mkdir -p "$root${file%/*}" && cp -L "$file" "$root$file"; }
done

git clone -q . "$root/root/weft"
# shellcheck disable=SC2016 # the inner shell expands it
unshare -m sh -euc '
    mount --make-rprivate /
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    mount -t sysfs sysfs "$1/sys"
    mount -t tmpfs tmpfs "$1/tmp"
    chroot "$1" /usr/bin/env -i $(cat "$1/root/registries") PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        HOME=/root sh -euc "cd /root/weft && ./run demo && ./run test"
' sh "$root" || die "the newcomer failed; the machine is in $root"
rm -rf "$root" "$root.log"
say "the newcomer is content"
