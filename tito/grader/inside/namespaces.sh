# Builds a read-only root inside fresh namespaces, then runs a command in it.
#   sh namespaces.sh ROOT FROM TO ... -- COMMAND ...   (FROM "" hides TO)
set -e
root=$1
shift
mount -t tmpfs -o size=1m,mode=755 tmpfs "$root"
mkdir -p "$root/proc" "$root/tmp" "$root/dev" "$root$TMPDIR"
mount -t proc proc "$root/proc"
for device in null zero full random urandom; do
    : >"$root/dev/$device"
    mount -o bind,ro "/dev/$device" "$root/dev/$device"
done
while [ "$1" != -- ]; do
    if [ -z "$1" ]; then
        mount -t tmpfs -o size=4k tmpfs "$root$2"
    elif [ -L "$1" ] && [ "$1" = "$2" ]; then
        cp -P "$1" "$root$2" # /bin and /lib are often links into /usr
    elif [ -d "$1" ]; then
        mkdir -p "$root$2"
        mount -o rbind,ro "$1" "$root$2"
    elif [ -e "$1" ]; then
        mkdir -p "$root${2%/*}"
        : >"$root$2"
        mount -o bind,ro "$1" "$root$2"
    fi
    shift 2
done
shift
while read -r _ _ _ _ point options _; do # what was mounted below one of them came along
    case $point,$options, in
    *,ro,*) ;;
    "$root",* | "$root"/*) mount -o remount,bind,ro "$point" ;;
    esac
done </proc/self/mountinfo
cd "$root"
unset OLDPWD # a path of the instructor's
export PWD="$TMPDIR"
exec chroot . "$@"
